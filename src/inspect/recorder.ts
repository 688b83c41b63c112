/**
 * The recorder: an observer of the core that notes events, and makes rows of them at the end of the turn. It does not
 * keep contexts alive: after that turn, it has only weak references to them, and text of values, causes and labels.
 *
 * A context gets a row when it is derived. Roots, contexts that never end (`withoutCancel`) or are not linked yet, and
 * contexts from before the recorder was attached get one when a context is derived from them, or when they end.
 * Contexts that differ only in values share one row.
 */

import { ContextNode } from '../context.ts'
import type { Ending } from '../context.ts'
import { clockOf, Deadline, TIMER } from '../deadlines.ts'
import type { Hint, Observer } from '../observer.ts'
import type { Clock } from '../timers.ts'
import { reportCancel, reportContext } from './collected.ts'
import type { Reports } from './collected.ts'
import { Entry } from './entry.ts'
import type { Operation } from './entry.ts'
import { rowOf, timeOf } from './make-row.ts'
import { outcomeOf } from './outcome.ts'
import type { RowSource } from './make-row.ts'
import type { Row } from './rows.ts'
import { noted } from './stacks.ts'
import { Store } from './store.ts'

/** How many ancestors of a context get an entry together with it. */
const MAX_ABOVE = 100

/** The largest number of interrupted operations that an error shows. */
const MAX_WAITS = 5

/** The listener of a recorder, called in a microtask. */
export interface Audience {
  /** The rows have changed. */
  changed(): void
  /** The context of `entry` was derived or noticed; `node` is complete by now. `above` is its parent. */
  made(entry: Entry, node: ContextNode, above: Entry | undefined): void
  /** The context has ended. */
  ended(entry: Entry): void
  /** The context ended in an earlier turn, and the work under it has changed. */
  worked(entry: Entry): void
  /** The context is alive, but its last `cancel` function was garbage-collected. */
  lost(entry: Entry): void
}

/** A change to tell the audience. */
interface News {
  readonly entry: Entry
  /** Undefined if the entry is not new. */
  readonly node: ContextNode | undefined
  /** Whether it had ended before this turn. */
  readonly isOver: boolean
}

export class Recorder implements Observer {
  readonly #store: Store
  readonly #source: RowSource
  readonly #hasStacks: boolean
  readonly #audience: Audience
  readonly #entries = new WeakMap<ContextNode, Entry>()
  readonly #waiters = new WeakMap<object, Operation>()
  /** The epoch time at which each clock was zero. */
  readonly #epochs = new WeakMap<Clock, number>()
  readonly #reports: Reports = {
    lost: (entry) => this.#lost(entry),
    collected: (entry) => this.#collected(entry),
  }
  /** The contexts whose deadline has moved. */
  readonly moved: WeakSet<ContextNode> = new WeakSet<ContextNode>()
  #count = 0
  /** The entries that have changed in this turn. */
  #changed: Entry[] = []
  /** When more entries than this have changed, those without a row are dropped. */
  #most = 10_000
  #isScheduled = false
  #hasMoved = false
  #news: News[] = []
  #rows: readonly Row[] | undefined

  constructor(size: number, hasStacks: boolean, source: Omit<RowSource, 'idOf'>, audience: Audience) {
    this.#store = new Store(size)
    this.#hasStacks = hasStacks
    this.#audience = audience
    this.#source = { ...source, idOf: (node) => this.#entries.get(node)?.id }
  }

  /** The array is the same until a context changes. */
  get rows(): readonly Row[] {
    this.flush()
    // An entry has no row yet if a getter of a cause has just derived its context.
    return (this.#rows ??= Array.from(this.#store.entries, ({ row }) => row).filter((row) => row !== undefined))
  }

  /** The context of a row; undefined if it has ended, or was garbage-collected. */
  nodeOf(id: number): ContextNode | undefined {
    for (const entry of this.#store.entries) {
      if (entry.id === id) return entry.how ? undefined : (entry.node ?? entry.ref?.deref())
    }
    return undefined
  }

  /** The entry of the live context with this signal; undefined if none has a row. */
  entryOf(signal: object): Entry | undefined {
    for (const entry of this.#store.entries) {
      const node = entry.how ? undefined : (entry.node ?? entry.ref?.deref())
      if (node?.controller?.signal === signal) return entry
    }
    return undefined
  }

  /** Stops reporting garbage-collected contexts and cancel functions. */
  stop(): void {
    this.#reports.lost = this.#reports.collected = undefined
  }

  clear(): void {
    this.#store.clear()
    this.#rows = undefined
  }

  made(node: ContextNode): void {
    if (isHidden(node)) return
    const entry = this.#see(node, false)
    if (this.#hasStacks) entry.made = noted()
    if (node.ended) this.#noteEnd(entry, node, node, node.ended)
  }

  handed(node: ContextNode, cancel: object): void {
    const entry = this.#entries.get(node)
    if (!entry || entry.how) return
    ;(entry.handed ??= []).push(cancel)
    this.#change(entry)
  }

  ended(child: object, head: ContextNode, ending: Ending, hint: Hint | undefined, failure: unknown): void {
    if (!(child instanceof ContextNode) || isHidden(child)) return
    const known = this.#entries.get(child)
    if (known?.how || (!known && isUnlinked(child))) return
    this.#noteEnd(known ?? this.#see(child, true), child, head, ending, hint, failure)
  }

  /** Notes a moved deadline, which may also apply to all descendants. */
  changed(node: ContextNode): void {
    this.moved.add(node)
    this.#hasMoved = true
    this.#schedule()
  }

  completed(node: ContextNode): void {
    const entry = this.#entries.get(node)
    if (!entry || entry.how) return
    entry.how = 'completed'
    this.#over(entry, this.timeOf(clockOf(node)))
  }

  waits({ node }: ContextNode, waiter: object, name: string): void {
    if (isHidden(node)) return
    const operation = this.#operation(node, name)
    this.#waiters.set(waiter, operation)
    ;(operation.entry.waits ??= new Set()).add(operation)
    this.#change(operation.entry)
  }

  left(waiter: object): void {
    const operation = this.#waiters.get(waiter)
    if (!operation || operation.entry.how || !operation.entry.waits?.delete(operation)) return
    this.#change(operation.entry)
  }

  works({ node }: ContextNode, name: string): () => void {
    const operation = this.#operation(node, name)
    const { entry } = operation
    const works = (entry.works ??= new Set())
    works.add(operation)
    // Also for a context that has ended: the audience then checks whether this work goes on.
    if (entry.how) this.#change(entry)
    return () => void works.delete(operation)
  }

  explain(node: ContextNode): string {
    const entry = this.#entries.get(node)
    if (!entry || !this.#hasStacks) return ''
    this.flush()
    const { made, ended, waits } = entry.row?.stacks ?? { waits: [] }
    const parts = [
      ['made', made],
      ['ended', ended],
      ...[...new Set([...waits, ...this.#waitsBelow(entry)])].slice(0, MAX_WAITS).map((wait) => ['waiting', wait]),
    ]
    return parts
      .map(([what, frames]) => (frames ? `\n  ${what}\n    ${frames.replaceAll('\n', '\n    ')}` : ''))
      .join('')
  }

  /** Makes the rows of all changed entries, and drops the strong references to contexts. */
  flush(): void {
    if (this.#hasMoved) this.#findMoved()
    const entries = this.#changed
    if (entries.length === 0) return
    this.#changed = []
    this.#rows = undefined
    for (const entry of entries) {
      const { node = entry.ref?.deref(), row } = entry
      entry.isChanged = false
      // It was collected before it had a row.
      if (!node && !row) continue
      entry.row = rowOf(entry, node, this.#source)
      this.#news.push({ entry, node: row ? undefined : node, isOver: row?.how !== undefined })
      this.#letGo(entry)
    }
  }

  #tell(): void {
    this.#isScheduled = false
    this.flush()
    const news = this.#news.splice(0)
    for (const { entry, isOver, node } of news) {
      if (node) this.#audience.made(entry, node, node.parent && this.#entries.get(node.parent.node))
      if (isOver) this.#audience.worked(entry)
      else if (entry.how) this.#audience.ended(entry)
    }
    if (news.length > 0) this.#audience.changed()
  }

  #waitsBelow(head: Entry): string[] {
    const stacks: string[] = []
    for (const { by, row } of this.#store.entries) {
      if (by === head.id && stacks.length < MAX_WAITS) stacks.push(...(row?.stacks?.waits ?? []))
    }
    return stacks
  }

  /** Returns the entry of `node`, making one if `node` was never noticed. */
  #see(node: ContextNode, isLate: boolean): Entry {
    const known = this.#entries.get(node)
    if (known) {
      this.#show(node)
      return known
    }
    const unseen: ContextNode[] = []
    let above = node.parent?.node
    while (above && !this.#entries.has(above) && unseen.length < MAX_ABOVE) {
      unseen.push(above)
      above = above.parent?.node
    }
    // The row of an ancestor may have been dropped: show it again.
    if (above) this.#show(above)
    for (const one of unseen.toReversed()) this.#add(one, true)
    return this.#add(node, isLate)
  }

  #show(node: ContextNode): void {
    const entry = this.#entries.get(node)
    if (!entry || entry.isKept) return
    // An entry without a row has dropped its context and the cause.
    if (!entry.row && !entry.isChanged) {
      entry.node = node
      entry.cause = node.ended?.cause
    }
    this.#store.add(entry)
    this.#change(entry)
  }

  #add(node: ContextNode, isLate: boolean): Entry {
    const parent = node.parent && this.#entries.get(node.parent.node)?.id
    const entry = new Entry(++this.#count, parent, node, this.timeOf(clockOf(node)), isLate)
    this.#entries.set(node, entry)
    this.#store.add(entry)
    this.#change(entry)
    return entry
  }

  #noteEnd(entry: Entry, node: ContextNode, head: ContextNode, ending: Ending, hint?: Hint, failure?: unknown): void {
    const { how, origin, isFromParent } = outcomeOf(node, head, ending, hint)
    entry.how = how
    entry.by = origin && this.#entries.get(origin)?.id
    if (isFromParent) entry.by ??= entry.parent
    entry.cause = failure === undefined ? ending.cause : failure
    if (this.#hasStacks && node === head) entry.canceled = noted()
    this.#over(entry, this.timeOf(clockOf(node)))
  }

  #over(entry: Entry, at: number): void {
    entry.ended = Math.max(at, entry.born)
    if (entry.isKept) this.#store.over(entry)
    this.#change(entry)
  }

  #operation(node: ContextNode, name: string): Operation {
    const entry = this.#see(node, true)
    return { entry, name, stack: this.#hasStacks ? noted() : undefined }
  }

  #change(entry: Entry): void {
    if (entry.isChanged) return
    entry.isChanged = true
    this.#changed.push(entry)
    if (this.#changed.length > this.#most) this.#thin()
    this.#schedule()
  }

  #findMoved(): void {
    this.#hasMoved = false
    for (const entry of this.#store.entries) {
      const { how, ref, row } = entry
      const node = how ? undefined : ref?.deref()
      if (node && row && timeOf(node, this.#source.idOf).deadline !== row.deadline) this.#change(entry)
    }
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    void Promise.resolve().then(() => this.#tell())
  }

  /** Drops the strong reference to the context. A live one keeps a weak reference. */
  #letGo(entry: Entry): void {
    const { handed, how, node } = entry
    if (how) entry.ref = undefined
    else {
      if (node && !entry.ref) {
        entry.ref = new WeakRef(node)
        reportContext(node, entry, this.#reports)
      }
      // Only now: most contexts end in the turn in which they were made, and registering costs more than all the rest.
      for (const cancel of handed ?? []) reportCancel(cancel, entry, this.#reports)
      entry.cancels += handed?.length ?? 0
    }
    entry.node = entry.cause = entry.made = entry.canceled = entry.handed = undefined
  }

  /** Drops changed entries without a row, so that a turn that makes many contexts does not retain them all. */
  #thin(): void {
    this.#changed = this.#changed.filter((entry) => {
      if (entry.isKept || entry.works?.size) return true
      entry.isChanged = false
      this.#letGo(entry)
      return false
    })
    this.#most = 2 * this.#changed.length + 1_000
  }

  timeOf(clock: Clock): number {
    const now = clock.now()
    let epoch = this.#epochs.get(clock)
    if (epoch === undefined) this.#epochs.set(clock, (epoch = clock.wall() - now))
    return epoch + now
  }

  #lost(entry: Entry): void {
    entry.cancels--
    if (entry.how || entry.cancels > 0) return
    if (entry.ref?.deref()) this.#audience.lost(entry)
  }

  #collected(entry: Entry): void {
    if (entry.how) return
    entry.how = 'collected'
    this.#over(entry, this.timeOf(entry.clock))
  }
}

/** Whether `node` was made in a render that was discarded, so that it was never part of the tree. */
function isUnlinked({ deadlines, node, own }: ContextNode): boolean {
  return !own && deadlines instanceof Deadline && deadlines.node === node
}

/** True for a timer of a binding, and for an operation that waits with one. */
function isHidden({ kind, parent }: ContextNode): boolean {
  return kind === TIMER || parent?.kind === TIMER
}
