/**
 * One connection to PostgreSQL, used by one caller at a time. The invariant: it is released only if none of our
 * statements, cancels, settings or transactions can still affect it; a connection in doubt is destroyed.
 */

import { afterFunc } from '../../callbacks.ts'
import type { Context } from '../../context.ts'
import { isDeadlineExceeded } from '../../errors.ts'
import { remaining } from '../../lifetime.ts'
import type { Params, Row } from '../database.ts'
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

/** PostgreSQL's code for a statement that was canceled, by request or by a timeout. */
const CANCELED = '57014'

/** Codes after which the connection can be used: not those of a shutdown, a lost connection or an expired session. */
const LIVES_ON = /^(?!08|57P|25P03|25P04)[0-9A-Z]{5}$/

/** The code for a statement that cannot run in a transaction, such as VACUUM, but did. */
const NOT_ALONE = '25001'

/** By how many milliseconds the server's timeout may be early, and how long we wait for it before we cancel. */
const AHEAD = 50

/** The pauses between two cancels, in milliseconds: the first cancel may arrive before the statement. */
const FIRST_PAUSE = 10
const LONGEST_PAUSE = 250

/** Whether the client is connected to the server itself, rather than to a pooler. */
const isDirect = /* @__PURE__ */ new WeakMap<PostgresClient, boolean>()

/** The outcome of a statement. */
type Outcome<T> = { readonly result: T } | { readonly error: unknown }

/**
 * Releases a client, to the pool or to the next caller. `doubtful`: it is behind a pooler, which may still deliver a
 * cancel to it.
 */
export type Release = (state: 'usable' | 'doubtful' | 'lost') => void

export class Connection {
  readonly grace: number
  readonly #client: PostgresClient
  readonly #release: Release
  /** Whether the user has begun a transaction on the client, which the user must end. */
  readonly #isUsers: boolean
  /** The error by which the connection was lost; undefined while it can be used. */
  #lost: unknown
  /** The context of our transaction; undefined if there is none. */
  #within: Context | undefined
  readonly #limit = new Limit()
  /** Whether a cancel was sent that may still be in flight. */
  #isCanceled = false
  /**
   * Whether its status may be out of date: an error of the server arrives before the new status, and one of the client
   * before the statement has ended.
   */
  #isUnsure = false

  constructor(client: PostgresClient, grace: number, release: Release) {
    this.#client = client
    this.grace = grace
    this.#release = release
    this.#isUsers = isInTransaction(client) ?? false
    client.on('error', this.#onError)
    client.on('end', this.#onEnd)
  }

  /** The error by which the connection was lost; undefined while it can be used. */
  get loss(): unknown {
    return this.#lost ?? (isEnding(this.#client) ? new Error('the client was closed') : undefined)
  }

  /** Whether a transaction of ours was begun, or may have been. */
  get hasBegun(): boolean {
    return this.#within !== undefined
  }

  /** Whether our transaction is open, as of the server's last answer. */
  get isOpen(): boolean {
    return this.loss === undefined && isInTransaction(this.#client) !== false
  }

  /** Runs a statement. The end of `ctx` cancels it, and the server itself stops it at the deadline of `ctx`. */
  run(ctx: Context, text: string, values?: Params): Promise<PostgresResult> {
    return this.#within ? this.#runWithin(this.#within, ctx, text, values) : this.#runAlone(ctx, text, values)
  }

  /** Begins a transaction that the server ends soon after the deadline of `ctx`, even if this process has died. */
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

  /** Runs a statement that nothing cancels. Callers may wait for it only as long as the grace time. */
  async finish(text: string): Promise<PostgresResult> {
    if (this.#lost !== undefined) throw this.#lost
    try {
      const result = single(await this.#client.query(text))
      this.#limit.noteCommand(result.command)
      return result
    } catch (error) {
      if (isAnswer(error)) throw error
      // Without an answer of the server, the statement may still be running.
      this.destroy(error)
      throw this.#lost
    }
  }

  /** Whether no cancel is in flight that could hit the next statement. Do not call it in a failed transaction. */
  async isSettled(): Promise<boolean> {
    // The server closes the connection of a cancel after handling it; a pooler may still have to forward it.
    return !this.#isCanceled || (isDirect.get(this.#client) ?? (await this.#findDirect()))
  }

  /** Releases the connection in its original state. Never rejects. */
  async free(): Promise<void> {
    if (this.#isUnsure || this.#isLeftOpen) await this.#inTime(this.#leaveTransaction())
    const isSettled = !this.#isCanceled || (await this.#inTime(this.isSettled()))
    this.#client.removeListener('end', this.#onEnd)
    this.#release(this.loss !== undefined ? 'lost' : isSettled ? 'usable' : 'doubtful')
    this.#client.removeListener('error', this.#onError)
  }

  /** Destroys the connection: a running statement fails, and `free` does not return it to the pool. */
  destroy(why: unknown): void {
    this.#lost ??= why
    socketOf(this.#client)?.destroy()
  }

  async #runWithin(within: Context, ctx: Context, text: string, values?: Params): Promise<PostgresResult> {
    const left = Math.min(millisecondsLeft(ctx), millisecondsLeft(within))
    const isInPlace = this.#limit.isInPlace(left)
    const isDue = !isInPlace && canPair(this.#client) && takesLimit(text, 'transaction')
    try {
      const result = isDue
        ? await this.#runLimited(ctx, left, text, values)
        : await this.#runPlain(ctx, isInPlace && left < Infinity, text, values)
      this.#limit.noteCommand(result.command)
      return result
    } catch (error) {
      if (this.#isUnsure) await this.#inTime(this.#makeSure())
      throw error
    }
  }

  async #runAlone(ctx: Context, text: string, values?: Params): Promise<PostgresResult> {
    const left = millisecondsLeft(ctx)
    // In a transaction of the user, our timeout would still apply after the statement.
    const isLimited = left < Infinity && !this.#isUsers && canPair(this.#client) && takesLimit(text, 'database')
    try {
      return await this.#runOnce(ctx, isLimited ? left : Infinity, text, values)
    } catch (error) {
      // Everything was rolled back, so it can run again without a timeout.
      if (isLimited && isCode(error, NOT_ALONE)) return this.#runOnce(ctx, Infinity, text, values)
      throw error
    }
  }

  async #runOnce(ctx: Context, left: number, text: string, values?: Params): Promise<PostgresResult> {
    const isLimited = left < Infinity
    const run = isLimited ? this.#runLimited(ctx, left, text, values) : this.#runPlain(ctx, false, text, values)
    const result = await run.catch((error: unknown) => {
      // One of several statements may have begun a transaction, whatever its words are.
      if (values === undefined && text.includes(';')) this.#isUnsure = true
      throw error
    })
    if (this.#isLeftOpen) throw leftOpen()
    return result
  }

  async #runPlain(ctx: Context, hasLimit: boolean, text: string, values?: Params): Promise<PostgresResult> {
    return single(await this.#send(ctx, hasLimit, () => this.#client.query(text, values && [...values])))
  }

  async #runLimited(ctx: Context, left: number, text: string, values?: Params): Promise<PostgresResult> {
    const ahead = this.#limit.ahead(left)
    const note = (row: Row): void => this.#limit.note(row, left)
    return single(await this.#send(ctx, true, () => sendPair(this.#client, ahead, note, text, values && [...values])))
  }

  /** @param hasLimit whether the server stops the statement itself at the deadline */
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
    // The server's clock may be slightly ahead of ours.
    if (code === CANCELED && (remaining(ctx) ?? Infinity) <= AHEAD) await endsWithin(ctx, 2 * AHEAD)
    if (ctx.err && (code === CANCELED || this.#lost !== undefined)) throw stopped(ctx, this.#lost ?? error)
    throw error
  }

  /**
   * Sends cancels until the statement has settled: the protocol does not confirm them. If the server has not answered
   * after the grace time, destroys the connection.
   */
  async #cancel(ctx: Context, hasLimit: boolean, settled: Promise<void>, isOver: () => boolean): Promise<void> {
    const end = performance.now() + this.grace
    // Wait for the server's own timeout first: the cancel would be redundant, and under load there would be many.
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

  /** Compares the process ID of the server with the one the client was sent: a pooler sends its own. */
  async #findDirect(): Promise<boolean> {
    try {
      const { rows } = await this.finish('SELECT pg_backend_pid() AS backend')
      const direct = Number(rows[0]?.['backend']) === backendOf(this.#client)
      isDirect.set(this.#client, direct)
      return direct
    } catch (error) {
      // A late cancel may have hit this statement.
      if (isAnswer(error)) return false
      throw error
    }
  }

  /** Whether a statement has left a transaction open. */
  get #isLeftOpen(): boolean {
    return !this.#isUsers && isInTransaction(this.#client) === true
  }

  /** Sends an empty statement, whose answer updates the status of the client and has all others before it. */
  async #makeSure(): Promise<void> {
    await this.finish('')
    this.#isUnsure = false
  }

  async #leaveTransaction(): Promise<void> {
    if (this.#isUnsure) await this.#makeSure()
    if (this.#isLeftOpen) await this.finish('ROLLBACK')
  }

  /** Waits for clean-up. Destroys the connection if that fails or takes longer than the grace time. */
  async #inTime<T>(work: Promise<T>): Promise<T | undefined> {
    if (!(await settlesWithin(work, this.grace))) this.destroy(new Error('the connection does not answer'))
    return work.catch((error: unknown) => void this.destroy(error))
  }

  /** Destroys the connection if `error` means that it is unusable. */
  #assess(error: unknown): void {
    if (isAnswer(error)) return
    const { code } = error as { code?: unknown }
    // An error of the client has no code: a value that cannot be read or written, or its own timeout.
    if (code === undefined && socketOf(this.#client)?.destroyed !== true) this.#isUnsure = true
    else this.destroy(error)
  }

  readonly #onError = (error: unknown): void => this.destroy(error)

  readonly #onEnd = (): void => this.destroy(new Error('the connection has ended'))
}

/** Whether `error` is an answer of the server after which the connection can be used. */
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
