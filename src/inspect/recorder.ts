/**
 * The recorder: an observer of the core that notes what happens, and makes rows of it at the end of the turn. It keeps
 * no context alive: from then on it knows contexts only weakly, and their values, causes and labels only as text.
 *
 * A context gets a row when it is derived. Roots, contexts without an end of their own (`withoutCancel`) or not yet
 * linked, and those from before the recorder was attached get theirs when something is derived from them or they end.
 * Contexts that differ in values only share one row: that of their lifetime.
 */

import { ContextNode, DISARMED } from '../context.ts'
import type { Ending } from '../context.ts'
import { clockOf, Deadline, TIMER } from '../deadlines.ts'
import { property } from '../errors.ts'
import type { Hint, Observer } from '../observer.ts'
import type { Clock } from '../timers.ts'
import { Entry } from './entry.ts'
import type { Operation } from './entry.ts'
import { rowOf, timeOf } from './make-row.ts'
import type { RowSource } from './make-row.ts'
import type { Row } from './rows.ts'
import { noted } from './stacks.ts'
import { Store } from './store.ts'

/** How many levels above a context are noticed with it. */
const MAX_ABOVE = 100

/** How many of the operations that an end has cut off its error shows. */
const MAX_WAITS = 5

/** What is told of what a recorder notes, in a microtask. */
export interface Audience {
  /** There are other rows. */
  changed(): void
  /** A context was derived, or noticed; `node` is complete by now, and `above` its parent. */
  made(entry: Entry, node: ContextNode, above: Entry | undefined): void
  /** It has ended. */
  ended(entry: Entry): void
  /** It has ended before this turn, and what works under it has changed. */
  worked(entry: Entry): void
  /** The last function that could cancel it was collected, and it lives. */
  lost(entry: Entry): void
}

/** What the audience is to be told of an entry. */
interface News {
  readonly entry: Entry
  /** Undefined unless it is new. */
  readonly node: ContextNode | undefined
  /** It had ended before. */
  readonly isOver: boolean
}

export class Recorder implements Observer {
  readonly #store: Store
  readonly #source: RowSource
  readonly #hasStacks: boolean
  readonly #audience: Audience
  readonly #entries = new WeakMap<ContextNode, Entry>()
  readonly #waiters = new WeakMap<object, Operation>()
  /** How much the epoch is ahead of each clock. */
  readonly #epochs = new WeakMap<Clock, number>()
  /** What the registries hold of this recorder; nothing once it is detached. */
  readonly #owner: Owner = {
    lost: (entry) => this.#lost(entry),
    collected: (entry) => this.#collected(entry),
  }
  /** Those whose deadline has moved. */
  readonly moved: WeakSet<ContextNode> = new WeakSet<ContextNode>()
  #count = 0
  /** Those that have changed in this turn. */
  #changed: Entry[] = []
  /** With more of them, those that no row is of are dropped. */
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

  /** The same array until something has happened. */
  get rows(): readonly Row[] {
    this.flush()
    // What a getter of a cause has just derived has no row yet.
    return (this.#rows ??= Array.from(this.#store.entries, ({ row }) => row).filter((row) => row !== undefined))
  }

  /** The context of a row; undefined if it has ended, or is nowhere in use. */
  nodeOf(id: number): ContextNode | undefined {
    for (const entry of this.#store.entries) {
      if (entry.id === id) return entry.how ? undefined : (entry.node ?? entry.ref?.deref())
    }
    return undefined
  }

  /** The live context that has this signal, if it has a row. */
  entryOf(signal: object): Entry | undefined {
    for (const entry of this.#store.entries) {
      const node = entry.how ? undefined : (entry.node ?? entry.ref?.deref())
      if (node?.controller?.signal === signal) return entry
    }
    return undefined
  }

  /** From now on nothing is noted but what already was. */
  stop(): void {
    this.#owner.lost = this.#owner.collected = undefined
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
    this.#noteEnd(known ?? this.#see(child, true), child, head, ending, child === head ? hint : undefined, failure)
  }

  /** A deadline that moves may hold for everything below. */
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
    // Work that was given up at the end of its context is looked at, too.
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

  /** Makes rows of all that has happened, and lets go of contexts. */
  flush(): void {
    if (this.#hasMoved) this.#findMoved()
    const entries = this.#changed
    if (entries.length === 0) return
    this.#changed = []
    this.#rows = undefined
    for (const entry of entries) {
      const { node = entry.ref?.deref(), row } = entry
      entry.isChanged = false
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

  /** The entry of `node`, which is new if `node` was never noticed. */
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
    // One that was pushed out by others comes back.
    if (above) this.#show(above)
    for (const one of unseen.toReversed()) this.#add(one, true)
    return this.#add(node, isLate)
  }

  #show(node: ContextNode): void {
    const entry = this.#entries.get(node)
    if (!entry || entry.isKept) return
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
    const origin = originOf(ending, head)
    const { parent } = node
    // A signal takes along what follows it, too, whatever has become of the parent.
    const isTakenAlong = parent !== undefined && parent.node.ended === ending
    entry.how = hint ?? (isTakenAlong ? 'parent' : isTimeout(ending) ? 'deadline' : 'canceled')
    entry.by = node === origin ? undefined : this.#entries.get(origin)?.id
    if (isTakenAlong) entry.by ??= entry.parent
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

  /** From here on only a live context is of interest, and only for as long as something else keeps it alive. */
  #letGo(entry: Entry): void {
    const { handed, how, node } = entry
    if (how) entry.ref = undefined
    else {
      if (node && !entry.ref) {
        entry.ref = new WeakRef(node)
        registries().nodes.register(node, { entry, owner: this.#owner })
      }
      // Most contexts end in the turn in which they were made: a registry would cost more than all else.
      for (const cancel of handed ?? []) registries().cancels.register(cancel, { entry, owner: this.#owner })
      entry.cancels += handed?.length ?? 0
    }
    entry.node = entry.cause = entry.made = entry.canceled = entry.handed = undefined
  }

  /** A turn in which many contexts come and go must not keep them all. */
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
    const node = entry.ref?.deref()
    if (!node || node.own === DISARMED) return
    this.#audience.lost(entry)
  }

  #collected(entry: Entry): void {
    if (entry.how) return
    entry.how = 'collected'
    this.#over(entry, this.timeOf(entry.clock))
  }
}

interface Owner {
  lost: ((entry: Entry) => void) | undefined
  collected: ((entry: Entry) => void) | undefined
}

interface Registered {
  readonly entry: Entry
  readonly owner: Owner
}

interface Registries {
  readonly cancels: FinalizationRegistry<Registered>
  readonly nodes: FinalizationRegistry<Registered>
}

/** One of each for all recorders: V8 may stop telling any, once one with news was collected itself. */
let shared: Registries | undefined

/** Made on first use: importing uses no service of the platform. */
function registries(): Registries {
  return (shared ??= {
    cancels: new FinalizationRegistry<Registered>(({ entry, owner }) => owner.lost?.(entry)),
    nodes: new FinalizationRegistry<Registered>(({ entry, owner }) => owner.collected?.(entry)),
  })
}

/** Made for a render that was thrown away: it was never part of the tree. */
function isUnlinked({ deadlines, node, own }: ContextNode): boolean {
  return !own && deadlines instanceof Deadline && deadlines.node === node
}

/** A timer of a binding, or what waits by one. */
function isHidden({ kind, parent }: ContextNode): boolean {
  return kind === TIMER || parent?.kind === TIMER
}

/** Where the end began that `ending` stands for. */
function originOf(ending: Ending, head: ContextNode): ContextNode {
  const node: unknown = ending instanceof ContextNode ? ending : (ending as { node?: unknown }).node
  return node instanceof ContextNode ? node : head
}

function isTimeout(ending: Ending): boolean {
  if (ending instanceof ContextNode) return false
  return ending instanceof Deadline || (!('node' in ending) && property(ending.error, 'name') === 'TimeoutError')
}
