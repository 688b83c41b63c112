/**
 * One connection to PostgreSQL, for as long as somebody has it for himself. The invariant: it is given back only when
 * nothing of ours can still happen on it, no statement, no cancel, no setting; whatever is in doubt is destroyed.
 */

import { afterFunc } from '../callbacks.ts'
import type { Context } from '../context.ts'
import { remaining } from '../lifetime.ts'
import { stopped } from './errors.ts'
import { endsWithin, settlesWithin } from './grace.ts'
import { isEnding, sendCancel, socketOf } from './postgres-cancel.ts'
import { single } from './postgres-client.ts'
import type { PostgresClient, PostgresResult } from './postgres-client.ts'

/** PostgreSQL's code for a statement that was canceled, by request or by its own timeout. */
const CANCELED = '57014'

/** A code of PostgreSQL, where the connection lives on: not that of a shutdown, a lost connection or a FATAL error. */
const LIVES_ON = /^(?!08|57P|25P03|25P04)[0-9A-Z]{5}$/

/** Nothing but a ROLLBACK is taken: the transaction has failed. */
const FAILED = '25P02'

/** Commands that neither change a setting nor keep one for later, as a savepoint does. */
const PLAIN: ReadonlySet<string> = /* @__PURE__ */ new Set([
  'SELECT',
  'INSERT',
  'UPDATE',
  'DELETE',
  'MERGE',
  'DECLARE',
  'FETCH',
  'CLOSE',
])

/** How far ahead of us the server's timeout may be, and how far behind it may fall before it is set anew. */
const AHEAD = 50
const BEHIND = 100

/** The pauses between two cancels: the first may have come before the statement. */
const FIRST_PAUSE = 10
const LONGEST_PAUSE = 250

/** What became of a statement. */
type Outcome = { readonly result: PostgresResult } | { readonly error: unknown }

/** A timeout that we have set, and the one of the user in whose place it is, as the server writes them. */
interface Timeout {
  readonly ours: string
  readonly users: string
}

/** Gives a client back: to the pool, or to the next in the queue. */
export type Release = (state: 'usable' | 'lost') => void

export class Connection {
  readonly grace: number
  readonly #client: PostgresClient
  readonly #release: Release
  /** What the connection was lost to; undefined while it can be used. */
  #lost: unknown
  /** The context of the transaction, if there is one: our settings end with it. */
  #within: Context | undefined
  /** The timeout that we have set last. */
  #last: Timeout | undefined
  /** Those of before that a ROLLBACK TO a savepoint may bring back: the user's by ours. */
  readonly #saved = new Map<string, string>()
  /** What we have set last, in milliseconds; NaN if it may be in force no more. */
  #limit = Infinity

  constructor(client: PostgresClient, grace: number, release: Release) {
    this.#client = client
    this.grace = grace
    this.#release = release
    client.on('error', this.#onError)
    client.on('end', this.#onEnd)
  }

  /** What the connection was lost to; undefined while it can be used. */
  get loss(): unknown {
    return this.#lost ?? (isEnding(this.#client) ? new Error('the client was closed') : undefined)
  }

  /** Runs a statement that the end of `ctx` stops in the server, and that the server stops at the deadline of `ctx`. */
  async run(ctx: Context, text: string, values?: readonly unknown[]): Promise<PostgresResult> {
    const left = Math.min(millisecondsLeft(ctx), this.#within ? millisecondsLeft(this.#within) : Infinity)
    const isInPlace = left === this.#limit || (left < this.#limit && left > this.#limit - BEHIND)
    if (!isInPlace) await this.#giveLimit(ctx, left)
    const result = await this.#send(ctx, text, values)
    if (this.#last && !PLAIN.has(result.command)) {
      this.#saved.set(this.#last.ours, this.#last.users)
      this.#limit = Number.NaN
    }
    return result
  }

  /** Begins a transaction that has no longer than `ctx`, even if nobody is there any more to roll it back. */
  async begin(ctx: Context): Promise<void> {
    this.#within = ctx
    const left = millisecondsLeft(ctx)
    if (left === Infinity) return void (await this.#send(ctx, 'BEGIN'))
    const shorter = shorterOf("current_setting('idle_in_transaction_session_timeout')", wholeMs(left + this.grace))
    const idle = `SELECT set_config('idle_in_transaction_session_timeout', ${shorter}, true)`
    this.#noteLimit(await this.#send(ctx, `BEGIN; ${idle}; ${this.#limitTo(left)}`), left)
  }

  /** Runs a statement that must not be stopped. The caller does not have to wait longer than the grace time for it. */
  async finish(text: string): Promise<PostgresResult> {
    if (this.#lost !== undefined) throw this.#lost
    try {
      return single(await this.#client.query(text))
    } catch (error) {
      // Nothing here could have failed before it was sent, but for the connection: without an answer it may still run.
      if (!isAnswer(error)) this.destroy(error)
      throw error
    }
  }

  /** Gives the connection back, when it is as it was. Never rejects. */
  async free(): Promise<void> {
    if (!this.#within && this.#last && this.#lost === undefined) {
      const { ours, users } = this.#last
      // What the user has set meanwhile is to stay.
      const isOurs = `current_setting('statement_timeout') = '${ours}'`
      const reset = this.finish(`SELECT set_config('statement_timeout', '${users}', false) WHERE ${isOurs}`)
      if (!(await settlesWithin(reset, this.grace))) this.destroy(new Error('the connection does not answer'))
      await reset.catch((error: unknown) => this.destroy(error))
    }
    this.#client.removeListener('end', this.#onEnd)
    this.#release(this.loss === undefined ? 'usable' : 'lost')
    this.#client.removeListener('error', this.#onError)
  }

  /** Cuts the connection: what runs on it fails, and `free` throws it away. */
  destroy(why: unknown): void {
    this.#lost ??= why
    socketOf(this.#client)?.destroy()
  }

  async #giveLimit(ctx: Context, ms: number): Promise<void> {
    try {
      this.#noteLimit(await this.#send(ctx, this.#limitTo(ms)), ms)
    } catch (error) {
      // What comes may be the ROLLBACK TO that mends it.
      if ((error as { code?: unknown }).code !== FAILED) throw error
    }
  }

  /**
   * Gives the server `ms` milliseconds for a statement, unless the user gave it less. The user's timeout is the one in
   * force, if it is not of our making, and otherwise the one in whose place we have put ours.
   */
  #limitTo(ms: number): string {
    const current = "current_setting('statement_timeout')"
    const made = new Map(this.#saved)
    if (this.#last) made.set(this.#last.ours, this.#last.users)
    const cases = Array.from(made, ([ours, users]) => `WHEN '${ours}' THEN '${users}'`)
    const users = cases.length > 0 ? `CASE ${current} ${cases.join(' ')} ELSE ${current} END` : current
    const next = ms === Infinity ? 'users' : shorterOf('users', ms)
    const ours = `set_config('statement_timeout', ${next}, ${this.#within !== undefined})`
    return `SELECT users, ${ours} AS ours FROM (SELECT ${users} AS users) AS timeout`
  }

  #noteLimit({ rows }: PostgresResult, ms: number): void {
    this.#last = rows[0] as unknown as Timeout
    this.#limit = ms
  }

  async #send(ctx: Context, text: string, values?: readonly unknown[]): Promise<PostgresResult> {
    ctx.throwIfDone()
    if (this.#lost !== undefined) throw this.#lost
    const querying = this.#client.query(text, values && [...values])
    let outcome: Outcome | undefined
    const settled = querying.then(
      (result) => void (outcome = { result: single(result) }),
      (error: unknown) => void (outcome = { error }),
    )
    let canceling: Promise<void> | undefined
    const stop = afterFunc(ctx, () => {
      canceling = this.#cancel(settled, () => outcome !== undefined)
    })
    await settled
    stop()
    await canceling
    return this.#answer(ctx, outcome as unknown as Outcome)
  }

  async #answer(ctx: Context, outcome: Outcome): Promise<PostgresResult> {
    if ('result' in outcome) return outcome.result
    const { error } = outcome
    this.#assess(error)
    const { code } = error as { code?: unknown }
    // By its own clock the server may be a moment ahead of us.
    if (code === CANCELED && !ctx.err && (remaining(ctx) ?? Infinity) <= AHEAD) await endsWithin(ctx, 2 * AHEAD)
    if (ctx.err && (code === CANCELED || this.#lost !== undefined)) throw stopped(ctx, this.#lost ?? error)
    throw error
  }

  /**
   * Cancels until the statement has settled: the protocol acknowledges nothing. Resolves when no cancel is on its way
   * any more. A server that has not answered when the grace time is over loses the connection.
   */
  async #cancel(settled: Promise<void>, isOver: () => boolean): Promise<void> {
    const end = performance.now() + this.grace
    for (let pause = FIRST_PAUSE; !isOver(); pause = Math.min(2 * pause, LONGEST_PAUSE)) {
      const left = end - performance.now()
      if (left <= 0) return this.destroy(new Error(`the server did not answer within ${this.grace} ms`))
      if (!(await sendCancel(this.#client, isOver, left))) {
        return this.destroy(new Error(`a cancel was not confirmed within ${this.grace} ms`))
      }
      await settlesWithin(settled, Math.min(pause, Math.max(end - performance.now(), 0)))
    }
  }

  /** Whether the connection has outlived `error`. */
  #assess(error: unknown): void {
    const { code } = error as { code?: unknown }
    // An error before anything was sent, such as a value that cannot be serialised, has no code; the socket knows.
    if (isAnswer(error) || (code === undefined && socketOf(this.#client)?.destroyed !== true)) return
    this.destroy(error)
  }

  readonly #onError = (error: unknown): void => this.destroy(error)

  readonly #onEnd = (): void => this.destroy(new Error('the connection has ended'))
}

/** Whether the server has said `error`, on a connection that lives on. */
function isAnswer(error: unknown): boolean {
  const { code, severity } = error as { code?: unknown; severity?: unknown }
  return typeof code === 'string' && LIVES_ON.test(code) && severity !== 'FATAL' && severity !== 'PANIC'
}

function millisecondsLeft(ctx: Context): number {
  const left = remaining(ctx)
  return left === undefined ? Infinity : wholeMs(left)
}

/**
 * Milliseconds as the server takes them: whole, not too many, and not none, which would mean no limit. Always odd:
 * users set round timeouts, and so ours are told from theirs.
 */
function wholeMs(ms: number): number {
  return (Math.min(Math.max(Math.ceil(ms), 1), 2 ** 31 - 1) - 1) | 1
}

/** SQL for the shorter of a timeout and `ms` milliseconds. Zero means no limit. */
function shorterOf(timeout: string, ms: number): string {
  return `CASE WHEN ${timeout}::interval BETWEEN '1us' AND '${ms}ms' THEN ${timeout} ELSE '${ms}' END`
}
