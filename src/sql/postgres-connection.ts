/**
 * One connection to PostgreSQL, for as long as somebody has it for himself. The invariant: it is given back only when
 * nothing of ours can still happen on it, no statement, no cancel, no setting; whatever is in doubt is destroyed.
 */

import { afterFunc } from '../callbacks.ts'
import type { Context } from '../context.ts'
import { remaining } from '../lifetime.ts'
import { stopped } from './errors.ts'
import { endsWithin, settlesWithin } from './grace.ts'
import { sendCancel, socketOf } from './postgres-cancel.ts'
import { single } from './postgres-client.ts'
import type { PostgresClient, PostgresResult } from './postgres-client.ts'

/** PostgreSQL's code for a statement that was canceled, by request or by its own timeout. */
const CANCELED = '57014'

/** A code of PostgreSQL, where the connection lives on: not that of a shutdown, a lost connection or a FATAL error. */
const LIVES_ON = /^(?!08|57P|25P03|25P04)[0-9A-Z]{5}$/

/** How far ahead of us the server's timeout may be, and how far behind it may fall before it is set anew. */
const AHEAD = 50
const BEHIND = 100

/** The pauses between two cancels: the first may have come before the statement. */
const FIRST_PAUSE = 10
const LONGEST_PAUSE = 250

/** What became of a statement. */
type Outcome = { readonly result: PostgresResult } | { readonly error: unknown }

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
  /** The timeout that the user has set; undefined while we have not asked. */
  #before: string | undefined
  /** The timeout that we have set, in milliseconds. */
  #limit = Infinity

  constructor(client: PostgresClient, grace: number, release: Release) {
    this.#client = client
    this.grace = grace
    this.#release = release
    client.on('error', this.#onError)
    client.on('end', this.#onEnd)
  }

  get isLost(): boolean {
    return this.#lost !== undefined
  }

  /** Runs a statement that the end of `ctx` stops in the server, and that the server stops at the deadline of `ctx`. */
  async run(ctx: Context, text: string, values?: readonly unknown[]): Promise<PostgresResult> {
    const left = Math.min(millisecondsLeft(ctx), this.#within ? millisecondsLeft(this.#within) : Infinity)
    const isInPlace = left === this.#limit || (left < this.#limit && left > this.#limit - BEHIND)
    if (!isInPlace) this.#noteBefore(await this.#send(ctx, this.#limitTo(left)), left)
    return this.#send(ctx, text, values)
  }

  /** Begins a transaction that has no longer than `ctx`, even if nobody is there any more to roll it back. */
  async begin(ctx: Context): Promise<void> {
    this.#within = ctx
    const left = millisecondsLeft(ctx)
    if (left === Infinity) return void (await this.#send(ctx, 'BEGIN'))
    const idle = `SELECT set_config('idle_in_transaction_session_timeout', '${left + this.grace}', true)`
    this.#noteBefore(await this.#send(ctx, `BEGIN; ${idle}; ${this.#limitTo(left)}`), left)
  }

  /** Runs a statement that must not be stopped. The caller does not have to wait longer than the grace time for it. */
  async finish(text: string): Promise<PostgresResult> {
    if (this.#lost !== undefined) throw this.#lost
    try {
      return single(await this.#client.query(text))
    } catch (error) {
      this.#assess(error)
      throw error
    }
  }

  /** Gives the connection back, when it is as it was. Never rejects. */
  async free(): Promise<void> {
    if (!this.#within && this.#before !== undefined && !this.isLost) {
      const reset = this.finish(`SET statement_timeout = '${this.#before}'`)
      if (!(await settlesWithin(reset, this.grace))) this.destroy(new Error('the connection does not answer'))
      await reset.catch((error: unknown) => this.destroy(error))
    }
    this.#client.removeListener('end', this.#onEnd)
    this.#release(this.isLost ? 'lost' : 'usable')
    this.#client.removeListener('error', this.#onError)
  }

  /** Cuts the connection: what runs on it fails, and `free` throws it away. */
  destroy(why: unknown): void {
    this.#lost ??= why
    socketOf(this.#client)?.destroy()
  }

  /** Gives the server `ms` milliseconds for a statement, unless the user gave it less. Tells what the user gave. */
  #limitTo(ms: number): string {
    const before = this.#before === undefined ? "current_setting('statement_timeout')" : `'${this.#before}'`
    const isLocal = this.#within !== undefined
    // Zero means no limit.
    const isShorter = ms === Infinity ? 'true' : `${before}::interval BETWEEN '1us' AND '${ms}ms'`
    const next = `CASE WHEN ${isShorter} THEN ${before} ELSE '${ms}' END`
    return `SELECT ${before} AS before, set_config('statement_timeout', ${next}, ${isLocal})`
  }

  #noteBefore({ rows }: PostgresResult, left: number): void {
    this.#before = rows[0]?.before as string
    this.#limit = left
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
    if (ctx.err && (code === CANCELED || this.isLost)) throw stopped(ctx, this.#lost ?? error)
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
    const { code, severity } = error as { code?: unknown; severity?: unknown }
    const livesOn = typeof code === 'string' && LIVES_ON.test(code) && severity !== 'FATAL' && severity !== 'PANIC'
    // An error before anything was sent, such as a value that cannot be serialised, has no code; the socket knows.
    if (!livesOn && (code !== undefined || socketOf(this.#client)?.destroyed === true)) this.destroy(error)
  }

  readonly #onError = (error: unknown): void => this.destroy(error)

  readonly #onEnd = (): void => this.destroy(new Error('the connection has ended'))
}

/** Whole milliseconds: the server knows no others, and none at all would mean no limit. */
function millisecondsLeft(ctx: Context): number {
  const left = remaining(ctx)
  return left === undefined ? Infinity : Math.min(Math.max(Math.ceil(left), 1), 2 ** 31 - 1)
}
