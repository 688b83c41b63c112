/**
 * Entries: what a recorder notes while things happen. That must be quick and call no code of users, so causes, labels
 * and stacks stay as they are until the end of the turn. Then a row is made of it, and nothing that a context holds is
 * kept.
 */

import type { ContextNode } from '../context.ts'
import { clockOf } from '../deadlines.ts'
import type { Clock } from '../timers.ts'
import type { How, Row } from './rows.ts'

/** An operation that waits for a context, or a function that works under it. */
export interface Operation {
  readonly entry: Entry
  readonly name: string
  /** Where it began; the text once that was asked for. */
  stack: Error | string | undefined
}

export class Entry {
  readonly id: number
  readonly parent: number | undefined
  readonly isLate: boolean
  readonly clock: Clock
  readonly born: number
  /** Until the end of the turn; after that only `ref` leads there, for as long as the context lives. */
  node: ContextNode | undefined
  ref: WeakRef<ContextNode> | undefined
  ended: number | undefined
  how: How | undefined
  by: number | undefined
  /** Until the end of the turn. */
  cause: unknown
  /** What waits now; once it has ended, what waited then. */
  waits: Set<Operation> | undefined
  /** What works under it now. */
  works: Set<Operation> | undefined
  /** The functions that cancel it, until the end of the turn. */
  handed: object[] | undefined
  /** How many of them were not collected yet. */
  cancels: number
  made: Error | undefined
  canceled: Error | undefined
  /** What is shown of it; undefined until the end of the turn. */
  row: Row | undefined
  /** Something has happened that `row` does not say. */
  isChanged: boolean
  /** It is one of the rows: not yet pushed out by others. */
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
