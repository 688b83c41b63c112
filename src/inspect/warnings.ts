/**
 * Warnings about uses of contexts that work, but are probably mistakes. Only an inspector finds them, so they cost
 * nothing without one. The list has every warning; the console has only the first for each kind and label of contexts.
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

/** The largest number of warnings in the list. */
const MAX_WARNINGS = 100

/** After this many different warnings, the console may repeat earlier ones. */
const MAX_HEARD = 1_000

export interface WarningOptions {
  readonly silence: 'all' | readonly WarningCode[]
  /** The milliseconds after an end in which work may still run, and contexts may be derived, without a warning. */
  readonly grace: number
  timeOf(clock: Entry['clock']): number
  /** Whether the deadline of `node` has ever moved, so that it may move again. */
  isMoved(node: ContextNode): boolean
  /** Called after each new warning. */
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

  /** Checks a context that was derived, whose parent is `above`. */
  made(entry: Entry, node: ContextNode, above: Entry | undefined): void {
    const { grace } = this.#options
    const since = above?.ended === undefined ? 0 : entry.born - above.ended
    if (entry.how === 'parent' && since > grace) {
      const text = `was derived ${duration(since)} after its parent had ended, so it had ended from the start`
      this.#warn('RESCIND_LATE_DERIVE', entry, text)
    }
    const { own } = node
    if (node.kind === 'sleep' || !(own instanceof Deadline) || own.ms === Infinity) return
    for (let { outer } = own; outer; outer = outer.outer) {
      if (!(outer instanceof Deadline) || outer.ms > own.ms || this.#options.isMoved(outer.node)) continue
      const { kind, label } = outer.node
      const whose = kind + (label === undefined ? '' : `(${String(label)})`)
      const text = `is under ${whose}, whose timeout is only ${duration(outer.ms)}: its own timeout has no effect`
      return this.#warn('RESCIND_VAIN_TIMEOUT', entry, text)
    }
  }

  /** Checks, after the grace time, which work still runs under a context that has ended. */
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
    const text = 'is still alive, but its cancel function was garbage-collected: nothing can end it before its parent.'
    this.#warn('RESCIND_LOST_CANCEL', entry, `${text} Call cancel when the work is over`)
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
    this.#warn('RESCIND_DEAF_WORK', entry, `${text} Pass its signal on, or check its err`, beginningOf(work))
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

/** A timer on the clock of the context. It does not keep the context alive. */
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
