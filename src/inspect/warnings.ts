/**
 * Warnings: uses of contexts that work, and yet are most likely mistakes. They are found by looking on, so they cost
 * nothing where there is no inspector. Each is in the list; the console has one line for each kind of context.
 */

import type { ContextNode } from '../context.ts'
import { Deadline } from '../deadlines.ts'
import { duration } from '../errors.ts'
import type { Listener } from '../listeners.ts'
import { Timer } from '../timers.ts'
import type { Entry, Operation } from './entry.ts'
import { beginningOf } from './make-row.ts'
import { linkOf } from './warning.ts'
import type { Warning, WarningCode } from './warning.ts'

/** How many are held. */
const MAX_WARNINGS = 100

/** How many kinds of contexts the console has heard of, before it hears of them again. */
const MAX_HEARD = 1_000

export interface WarningOptions {
  readonly silence: 'all' | readonly WarningCode[]
  /** The milliseconds after an end in which work may go on, and contexts may be derived. */
  readonly grace: number
  timeOf(clock: Entry['clock']): number
  /** Whether its deadline has moved, and so may move again. */
  isMoved(node: ContextNode): boolean
  /** There is another one. */
  changed(): void
}

export class Warnings {
  list: readonly Warning[] = []
  isOn = true
  readonly #options: WarningOptions
  readonly #heard = new Set<string>()
  readonly #watched = new WeakSet<Entry>()

  constructor(options: WarningOptions) {
    this.#options = options
  }

  /** Looks at a context that was derived, whose parent is `above`. */
  made(entry: Entry, node: ContextNode, above: Entry | undefined): void {
    const { grace } = this.#options
    const since = above?.ended === undefined ? 0 : entry.born - above.ended
    if (entry.how === 'parent' && since > grace) {
      const text = `was derived ${duration(since)} after its parent had ended: it never lived`
      this.#warn('RESCIND_LATE_DERIVE', entry, text)
    }
    const { own } = node
    if (node.kind === 'sleep' || !(own instanceof Deadline) || own.ms === Infinity) return
    for (let { outer } = own; outer; outer = outer.outer) {
      if (!(outer instanceof Deadline) || outer.ms > own.ms || this.#options.isMoved(outer.node)) continue
      const { kind, label } = outer.node
      const whose = kind + (label === undefined ? '' : `(${String(label)})`)
      const text = `is under ${whose}, which has ${duration(outer.ms)} in all: its own time can never run out`
      return this.#warn('RESCIND_VAIN_TIMEOUT', entry, text)
    }
  }

  /** Looks, a grace time from now, at what still works under a context that has ended. */
  ended(entry: Entry): void {
    if (!entry.works?.size || entry.how === 'completed') return
    if (this.#isSilent('RESCIND_DEAF_WORK') || this.#watched.has(entry)) return
    this.#watched.add(entry)
    const { clock } = entry
    clock.start(
      new Grace(clock.now() + this.#options.grace, () => {
        this.#watched.delete(entry)
        for (const work of entry.works ?? []) this.#deaf(entry, work)
      }),
    )
  }

  lost(entry: Entry): void {
    const text = 'lives on, and its cancel was collected: nothing can release it before its parent ends.'
    this.#warn('RESCIND_LOST_CANCEL', entry, `${text} Call it when the work is over`)
  }

  /** @param stack where the fetch was called, if that was noted */
  keptAlive(entry: Entry, stack: string | undefined): void {
    const text = 'has a fetch with keepalive under it, which Chromium does not stop at its end.'
    this.#warn('RESCIND_KEEPALIVE_FETCH', entry, `${text} Leave out keepalive, or the signal`, stack)
  }

  #deaf(entry: Entry, work: Operation): void {
    const { grace } = this.#options
    const what = work.name === 'group' ? 'a function of a group' : `the work of ${work.name}`
    const text = `has ended, and ${what} under it still runs ${duration(grace)} later.`
    this.#warn('RESCIND_DEAF_WORK', entry, `${text} Pass on its signal, or look at its err`, beginningOf(work))
  }

  #isSilent(code: WarningCode): boolean {
    const { silence } = this.#options
    return !this.isOn || silence === 'all' || silence.includes(code)
  }

  #warn(code: WarningCode, entry: Entry, text: string, began?: string): void {
    const { changed, timeOf } = this.#options
    if (this.#isSilent(code)) return
    const { id, clock, row } = entry
    const { kind = 'a context', label, stacks } = row ?? {}
    const name = kind + (label === undefined ? '' : `(${label})`)
    const message = `${name} ${text}`
    const stack = began ?? stacks?.made
    this.list = [...this.list, { code, message, row: id, at: timeOf(clock), stack }].slice(-MAX_WARNINGS)
    if (!this.#heard.has(`${code} ${name}`)) {
      if (this.#heard.size >= MAX_HEARD) this.#heard.clear()
      this.#heard.add(`${code} ${name}`)
      const lines = [`rescind: ${code}: ${message}. See ${linkOf(code)}`, ...(stack?.split('\n') ?? [])]
      globalThis.console?.warn(lines.join('\n    '))
    }
    changed()
  }
}

/** On the clock of the context, which it does not keep alive. */
class Grace extends Timer implements Listener {
  readonly #look: () => void

  constructor(due: number, look: () => void) {
    super(due)
    this.#look = look
  }

  override expire(audience: Listener[]): void {
    audience.push(this)
  }

  tell(): void {
    this.#look()
  }
}
