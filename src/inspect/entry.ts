/**
 * Entries: the notes of a recorder about each context. Noting an event must be quick and must not run user code, so
 * causes, labels and stacks are not read before the end of the turn. Then a row is made, and the entry retains nothing
 * of the context.
 */

import type { ContextNode } from '../context.ts'
import { clockOf } from '../deadlines.ts'
import type { Clock } from '../timers.ts'
import type { How, Row } from './rows.ts'

/** An operation that waits for a context, or a function that runs under it. */
export interface Operation {
  readonly entry: Entry
  readonly name: string
  /** Where it began: an error, or its stack as text once that was read. */
  stack: Error | string | undefined
}

export class Entry {
  readonly id: number
  readonly parent: number | undefined
  readonly isLate: boolean
  readonly clock: Clock
  readonly born: number
  /** Set until the end of the turn; then `ref` refers to it, while it lives. */
  node: ContextNode | undefined
  ref: WeakRef<ContextNode> | undefined
  ended: number | undefined
  how: How | undefined
  by: number | undefined
  /** Set until the end of the turn. */
  cause: unknown
  /** The operations that wait for it; after its end, those that waited then. */
  waits: Set<Operation> | undefined
  /** The functions that run under it. */
  works: Set<Operation> | undefined
  /** Its new `cancel` functions, until the end of the turn. */
  handed: object[] | undefined
  /** How many of its `cancel` functions are not yet garbage-collected. */
  cancels: number
  made: Error | undefined
  canceled: Error | undefined
  /** Undefined until the end of the turn. */
  row: Row | undefined
  /** Whether `row` is out of date. */
  isChanged: boolean
  /** Whether it is in the store, and so has a row. */
  isKept: boolean

  constructor(id: number, parent: number | undefined, node: ContextNode, born: number, isLate: boolean) {
    this.id = id
    this.parent = parent
    this.isLate = isLate
    this.clock = clockOf(node)
    this.born = born
    this.node = node
    this.ref = undefined
    this.ended = undefined
    this.how = undefined
    this.by = undefined
    this.cause = undefined
    this.waits = undefined
    this.works = undefined
    this.handed = undefined
    this.cancels = 0
    this.made = undefined
    this.canceled = undefined
    this.row = undefined
    this.isChanged = false
    this.isKept = false
  }
}
