/**
 * One connection to PostgreSQL, lent to one caller at a time. The invariant: it is given back only when nothing of ours
 * can still happen on it, no statement, no cancel, no setting, no open transaction; whatever is in doubt is destroyed.
 */

import { afterFunc } from '../../callbacks.ts'
import type { Context } from '../../context.ts'
import { isDeadlineExceeded } from '../../errors.ts'
import { remaining } from '../../lifetime.ts'
import type { Params } from '../database.ts'
import { stopped } from '../errors.ts'
import { endsWithin, settlesWithin } from '../grace.ts'
import { backendOf, isEnding, sendCancel, socketOf } from './cancel.ts'
import { isInTransaction, single } from './client.ts'
import type { PostgresClient, PostgresResult } from './client.ts'
import { Limit, wholeMs } from './limit.ts'
import { canPair, sendPair } from './pair.ts'
import { takesLimit } from './statements.ts'
import { leftOpen } from '../statements.ts'
import type { TransactionOptions } from '../transaction-options.ts'

/** PostgreSQL's code for a statement that was canceled, by request or by its own timeout. */
const CANCELED = '57014'

/** A code of PostgreSQL, where the connection lives on: not that of a shutdown, a lost connection or a FATAL error. */
const LIVES_ON = /^(?!08|57P|25P03|25P04)[0-9A-Z]{5}$/

/** A statement that must be alone in its transaction, such as VACUUM, was not. */
const NOT_ALONE = '25001'

/** How far ahead of us the server's timeout may be, and how long we wait for it where it should do. */
const AHEAD = 50

/** The pauses between two cancels: the first may have come before the statement. */
const FIRST_PAUSE = 10
const LONGEST_PAUSE = 250

/** Whether the server itself is at the other end, and no pooler. It stays so for as long as a connection lives. */
const isDirect = /* @__PURE__ */ new WeakMap<PostgresClient, boolean>()

/** What became of a statement. */
type Outcome<T> = { readonly result: T } | { readonly error: unknown }

/**
 * Gives a client back: to the pool, or to the next in the queue. `doubtful` is one behind a pooler that may still have
 * a cancel for it.
 */
export type Release = (state: 'usable' | 'doubtful' | 'lost') => void

export class Connection {
  readonly grace: number
  readonly #client: PostgresClient
  readonly #release: Release
  /** Whether the user has begun a transaction on it, which is the user's to end. */
  readonly #isUsers: boolean
  /** What the connection was lost to; undefined while it can be used. */
  #lost: unknown
  /** The context of the transaction, if there is one: our settings end with it. */
  #within: Context | undefined
  #limit = new Limit()
  /** Whether a cancel was sent of which only the closed line says that it is through. */
  #isCanceled = false
  /** Whether it may be inside of a transaction, though no answer said so: an error comes before that. */
  #isUnsure = false

  constructor(client: PostgresClient, grace: number, release: Release) {
    this.#client = client
    this.grace = grace
    this.#release = release
    this.#isUsers = isInTransaction(client) ?? false
    client.on('error', this.#onError)
    client.on('end', this.#onEnd)
  }

  /** What the connection was lost to; undefined while it can be used. */
  get loss(): unknown {
    return this.#lost ?? (isEnding(this.#client) ? new Error('the client was closed') : undefined)
  }

  /** Whether a transaction of ours was begun, or may have been. */
  get hasBegun(): boolean {
    return this.#within !== undefined
  }

  /** Whether our transaction is open, as far as the server has said. */
  get isOpen(): boolean {
    return this.#within !== undefined && this.loss === undefined && isInTransaction(this.#client) !== false
  }

  /** Runs a statement that the end of `ctx` stops in the server, and that the server stops at the deadline of `ctx`. */
  run(ctx: Context, text: string, values?: Params): Promise<PostgresResult> {
    return this.#within ? this.#runWithin(this.#within, ctx, text, values) : this.#runAlone(ctx, text, values)
  }

  /** Begins a transaction that has no longer than `ctx`, even if this process is no longer there to roll it back. */
  async begin(ctx: Context, options: TransactionOptions): Promise<void> {
    if (this.#isUsers) throw new TypeError('rescind: the client is in a transaction that was begun outside of rescind')
    this.#within = ctx
    const begin = beginOf(options)
    const left = millisecondsLeft(ctx)
    if (left === Infinity) return void (await this.#runPlain(ctx, false, begin))
    const idle = wholeMs(left + this.grace)
    const text = this.#limit.beginning(begin, left, idle)
    const results = await this.#send(ctx, false, () => this.#client.query(text))
    const shorter = this.#limit.noteBeginning(results as PostgresResult[], left, idle)
    if (shorter !== '') await this.#runPlain(ctx, false, shorter)
  }

  /** Runs a statement that must not be stopped. The caller does not have to wait longer than the grace time for it. */
  async finish(text: string): Promise<PostgresResult> {
    if (this.#lost !== undefined) throw this.#lost
    try {
      const result = single(await this.#client.query(text))
      this.#limit.noteCommand(result.command)
      return result
    } catch (error) {
      // Nothing here could have failed before it was sent, but for the connection: without an answer it may still run.
      if (!isAnswer(error)) this.destroy(error)
      throw error
    }
  }

  /** Whether no cancel can be on its way that would hit the next statement. Not for a transaction that has failed. */
  async isSettled(): Promise<boolean> {
    if (!this.#isCanceled) return true
    // The server itself closes the line of a cancel after the cancel; what a pooler does after that is not known.
    const isThrough = isDirect.get(this.#client) ?? (await this.#findDirect())
    if (isThrough) this.#isCanceled = false
    return isThrough
  }

  /** Gives the connection back, when it is as it was. Never rejects. */
  async free(): Promise<void> {
    if (this.loss === undefined && (this.#isUnsure || this.#isLeftOpen)) await this.#inTime(this.#leaveTransaction())
    const isSettled = !this.#isCanceled || (this.loss === undefined && (await this.#inTime(this.isSettled())))
    this.#client.removeListener('end', this.#onEnd)
    this.#release(this.loss !== undefined ? 'lost' : isSettled ? 'usable' : 'doubtful')
    this.#client.removeListener('error', this.#onError)
  }

  /** Cuts the connection: what runs on it fails, and `free` throws it away. */
  destroy(why: unknown): void {
    this.#lost ??= why
    socketOf(this.#client)?.destroy()
  }

  async #runWithin(within: Context, ctx: Context, text: string, values?: Params): Promise<PostgresResult> {
    const left = Math.min(millisecondsLeft(ctx), millisecondsLeft(within))
    const isInPlace = this.#limit.isInPlace(left)
    const isDue = !isInPlace && canPair(this.#client) && takesLimit(text, 'transaction')
    const result = isDue
      ? await this.#runLimited(ctx, left, text, values)
      : await this.#runPlain(ctx, isInPlace && left < Infinity, text, values)
    this.#limit.noteCommand(result.command)
    return result
  }

  async #runAlone(ctx: Context, text: string, values?: Params): Promise<PostgresResult> {
    const left = millisecondsLeft(ctx)
    // In a transaction of the user our timeout would outlive the statement.
    const isLimited = left < Infinity && !this.#isUsers && canPair(this.#client) && takesLimit(text, 'database')
    try {
      return await this.#runOnce(ctx, isLimited ? left : Infinity, text, values)
    } catch (error) {
      // All of it was taken back.
      if (isLimited && isCode(error, NOT_ALONE)) return this.#runOnce(ctx, Infinity, text, values)
      // Several statements in one text may have come past a BEGIN. Words do not decide that.
      this.#isUnsure = !this.#isUsers && values === undefined && text.includes(';')
      throw error
    }
  }

  async #runOnce(ctx: Context, left: number, text: string, values?: Params): Promise<PostgresResult> {
    const isLimited = left < Infinity
    const run = isLimited ? this.#runLimited(ctx, left, text, values) : this.#runPlain(ctx, false, text, values)
    const result = await run
    this.#limit = new Limit()
    if (this.#isLeftOpen) throw leftOpen()
    return result
  }

  async #runPlain(ctx: Context, hasLimit: boolean, text: string, values?: Params): Promise<PostgresResult> {
    return single(await this.#send(ctx, hasLimit, () => this.#client.query(text, values && [...values])))
  }

  async #runLimited(ctx: Context, left: number, text: string, values?: Params): Promise<PostgresResult> {
    const sql = this.#limit.ahead(left)
    const { ahead, rest } = await this.#send(ctx, true, () => sendPair(this.#client, sql, text, values && [...values]))
    this.#limit.note(ahead, left)
    return single(rest)
  }

  /** @param hasLimit whether the server stops it by itself at the deadline */
  async #send<T>(ctx: Context, hasLimit: boolean, query: () => Promise<T>): Promise<T> {
    ctx.throwIfDone()
    if (this.#lost !== undefined) throw this.#lost
    let outcome: Outcome<T> | undefined
    const settled = query().then(
      (result) => void (outcome = { result }),
      (error: unknown) => void (outcome = { error }),
    )
    let canceling: Promise<void> | undefined
    const stop = afterFunc(ctx, () => {
      canceling = this.#cancel(ctx, hasLimit, settled, () => outcome !== undefined)
    })
    await settled
    stop()
    await canceling
    return this.#answer(ctx, outcome as unknown as Outcome<T>)
  }

  async #answer<T>(ctx: Context, outcome: Outcome<T>): Promise<T> {
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
   * Cancels until the statement has settled: the protocol acknowledges nothing. Resolves when no cancel is on its
   * way. A server that has not answered when the grace time is over loses the connection.
   */
  async #cancel(ctx: Context, hasLimit: boolean, settled: Promise<void>, isOver: () => boolean): Promise<void> {
    const end = performance.now() + this.grace
    // The server is at it by itself: a cancel would only be late, and under load there would be many.
    if (hasLimit && isDeadlineExceeded(ctx.err)) await settlesWithin(settled, Math.min(AHEAD, this.grace))
    for (let pause = FIRST_PAUSE; !isOver(); pause = Math.min(2 * pause, LONGEST_PAUSE)) {
      const left = end - performance.now()
      if (left <= 0) return this.destroy(new Error(`the server did not answer within ${this.grace} ms`))
      this.#isCanceled = true
      if (!(await sendCancel(this.#client, isOver, left))) {
        return this.destroy(new Error(`a cancel was not confirmed within ${this.grace} ms`))
      }
      await settlesWithin(settled, Math.min(pause, Math.max(end - performance.now(), 0)))
    }
  }

  /** Asks which process of the server answers: a pooler has numbers of its own for its clients. */
  async #findDirect(): Promise<boolean> {
    try {
      const { rows } = await this.finish('SELECT pg_backend_pid() AS backend')
      const direct = Number(rows[0]?.['backend']) === backendOf(this.#client)
      isDirect.set(this.#client, direct)
      return direct
    } catch (error) {
      // A late cancel may have hit the question.
      if (isAnswer(error)) return false
      throw error
    }
  }

  /** Whether a transaction is open that should not be. */
  get #isLeftOpen(): boolean {
    return !this.#isUsers && isInTransaction(this.#client) === true
  }

  async #leaveTransaction(): Promise<void> {
    // With the answer to nothing comes the status.
    if (this.#isUnsure) await this.finish('')
    if (this.#isLeftOpen) await this.finish('ROLLBACK')
  }

  /** Waits for what tidies up; the connection is destroyed where that fails, or takes longer than the grace time. */
  async #inTime<T>(work: Promise<T>): Promise<T | undefined> {
    if (!(await settlesWithin(work, this.grace))) this.destroy(new Error('the connection does not answer'))
    return work.catch((error: unknown) => void this.destroy(error))
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

function isCode(error: unknown, code: string): boolean {
  return (error as { code?: unknown }).code === code
}

function beginOf({ isolation, readOnly, deferrable }: TransactionOptions): string {
  const modes = [
    ...(isolation === undefined ? [] : [`ISOLATION LEVEL ${isolation.toUpperCase()}`]),
    ...(readOnly === undefined ? [] : [readOnly ? 'READ ONLY' : 'READ WRITE']),
    ...(deferrable === undefined ? [] : [deferrable ? 'DEFERRABLE' : 'NOT DEFERRABLE']),
  ]
  return `BEGIN ${modes.join(', ')}`.trimEnd()
}
