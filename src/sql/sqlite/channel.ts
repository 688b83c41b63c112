/**
 * The requests to the worker of an SQLite database. A call sends a request, stops it in the worker when its context
 * ends, and settles with the worker's reply. The worker is never terminated to cancel: a database in memory would be
 * lost.
 */

import { afterFunc } from '../../callbacks.ts'
import type { Context } from '../../context.ts'
import { remaining } from '../../lifetime.ts'
import { MAX_DELAY } from '../../timers.ts'
import { stopped } from '../errors.ts'
import { endsWithin, inRealTime, isAnswered, settlesWithin } from '../grace.ts'
import { isOurs, LAST_ID } from './protocol.ts'
import type { Failure, Mechanism, Order, Reply, Request, Result, Stop } from './protocol.ts'

/** The number of checks in the time of silence. One long interval would expire at once after the page was frozen. */
const LOOKS = 10

const WRONG = 'it must run rescind/sql/sqlite-worker: check its URL, and that your bundler includes that module'

export const CLOSED = 'the database is closed'

/** By how many milliseconds the clock of the worker may be ahead of ours. */
const AHEAD = 50

/**
 * An error of SQLite or of its worker. `code` is SQLite's name for it, such as `SQLITE_CONSTRAINT_UNIQUE`; undefined if
 * the error is not from SQLite, for example if a parameter cannot be sent to the worker.
 */
export class SqliteError extends Error {
  readonly code: string | undefined

  override get name(): 'SqliteError' {
    return 'SqliteError'
  }

  constructor(message: string, code?: string) {
    super(message)
    this.code = code
  }
}

/** The common interface of workers of browsers and of Node. */
export interface Line {
  post(message: Request | Stop): void
  listen(onMessage: (message: unknown) => void, onFailure: (error: Error) => void): void
  /** Makes the worker keep the process alive while it is busy. */
  hold(state: 'busy' | 'idle'): void
  end(): void
}

/** A request in flight. */
export interface Call {
  /** Settles with the reply, or when the grace time after the end of the context has passed. */
  readonly result: Promise<Result>
  /** Resolves when the worker has finished the request, with or without an error. */
  readonly over: Promise<unknown>
}

type ReplyListener = (reply: Reply) => void

export class Channel {
  readonly #line: Line
  readonly #grace: number
  readonly #flag: Int32Array | undefined
  readonly #waiting = new Map<number, ReplyListener>()
  /** The promises that callers still wait for. */
  readonly #awaited = new Set<Promise<unknown>>()
  #mechanism: Mechanism = 'deadline'
  #id: number
  /** Whether the worker has sent a message of ours. */
  #isKnown = false
  /** The number of checks since the worker's last message. */
  #looks = 0
  /** Set when no replies will arrive; all requests fail with it. */
  #failure: Error | undefined
  /** Set when no requests are sent any longer, though replies may be in flight. */
  #closed: Error | undefined
  #isOpen = false

  /** @param id the ID before that of the first request */
  constructor(line: Line, grace: number, flag: SharedArrayBuffer | undefined, id = 0) {
    this.#line = line
    this.#id = id
    this.#grace = grace
    this.#flag = flag && new Int32Array(flag)
    line.listen(
      (message) => this.#hear(message),
      (error) => this.fail(this.#isKnown ? error : new SqliteError(`${error.message}; ${WRONG}`)),
    )
  }

  get mechanism(): Mechanism {
    return this.#mechanism
  }

  /** Whether SQLite is in a transaction, as of its last reply, and can receive a commit. */
  get isOpen(): boolean {
    return this.#isOpen && this.loss === undefined
  }

  /** The error because of which no requests can be sent; undefined while they can. */
  get loss(): Error | undefined {
    return this.#failure ?? this.#closed
  }

  /** True if no replies will arrive. */
  get isLost(): boolean {
    return this.#failure !== undefined
  }

  /** Opens the database. Fails if the worker sends no message for `silence` milliseconds. */
  async open(order: Order & { kind: 'open' }, silence: number): Promise<void> {
    const stop = this.#watch(silence)
    try {
      const { mechanism = 'deadline' } = await this.send(order)
      this.#mechanism = mechanism
    } finally {
      stop()
    }
  }

  /** Sends an order that nothing stops. */
  async send(order: Order): Promise<Result> {
    const { failure, result } = await this.#post(order, this.#next())
    if (failure) throw errorOf(failure)
    return result as Result
  }

  /** Waits for a reply. Resolves to false when the grace time after the end of `ctx` has passed without one. */
  isAnswered(ctx: Context, answer: Promise<Result>): Promise<boolean> {
    return this.#track(isAnswered(ctx, answer, this.#grace))
  }

  /** Sends an order that releases something. Resolves when that is done, or when it is not worth waiting any longer. */
  async giveBack(order: Order): Promise<void> {
    await this.#through(this.#post(order, this.#next()))
  }

  /** Sends an order that is stopped by the end of `ctx` and by the deadline of `within`, neither of which has ended. */
  call(ctx: Context, order: Order, within: Context = ctx): Call {
    const id = this.#next()
    const alive = this.#mechanism === 'poll' ? URL.createObjectURL(new Blob()) : undefined
    const reply = this.#post(order, id, Math.min(remaining(ctx) ?? Infinity, remaining(within) ?? Infinity), alive)
    const result = new Promise<Result>((resolve, reject) => {
      let stopTimer: (() => void) | undefined
      let isLate = false
      const stop = afterFunc(ctx, () => {
        this.#stop(id, alive)
        const silent = new SqliteError(`the statement is still running: it did not stop within ${this.#grace} ms`)
        stopTimer = inRealTime(this.#grace, () => {
          isLate = true
          reject(stopped(ctx, silent))
        })
      })
      void reply.then(async ({ failure, result }) => {
        stop()
        stopTimer?.()
        if (alive !== undefined) URL.revokeObjectURL(alive)
        // Nothing else closes it: the caller has got an error instead.
        if (isLate && result?.cursor !== undefined) void this.giveBack({ kind: 'discard', cursor: result.cursor })
        if (!failure) return resolve(result as Result)
        const error = errorOf(failure)
        const isOurs = failure.interrupted && (ctx.err !== undefined || (await endsWithin(ctx, AHEAD)))
        reject(isOurs ? stopped(ctx, error) : error)
      })
    })
    return { result: this.#track(result), over: reply }
  }

  /** Call it when no replies will arrive. Rejects all pending and all later requests. */
  fail(error: Error): void {
    this.#failure ??= error
    for (const id of this.#waiting.keys()) this.#settle(this.#failed(id, this.#failure))
  }

  /** Closes the database, after the requests that callers still wait for. Never rejects. */
  async close(): Promise<void> {
    const reply = this.#post({ kind: 'close' }, this.#next())
    // Later requests would find no database, so they are not sent: the outcome of a commit must not be unknown.
    this.#closed = new SqliteError(CLOSED)
    await this.#through(reply)
    this.end()
  }

  end(): void {
    this.fail(new SqliteError(CLOSED))
    this.#line.end()
  }

  #next(): number {
    this.#id = this.#id === LAST_ID ? 1 : this.#id + 1
    return this.#id
  }

  #track<T>(result: Promise<T>): Promise<T> {
    const forget = () => this.#awaited.delete(result)
    this.#awaited.add(result)
    result.then(forget, forget)
    return result
  }

  /**
   * Waits for a reply while callers wait for earlier ones, and after that for the grace time. Not forever: a statement
   * that did not stop can keep the worker busy, and browsers do not report that a worker was terminated.
   */
  async #through(reply: Promise<Reply>): Promise<void> {
    await Promise.race([reply, Promise.allSettled(this.#awaited)])
    await settlesWithin(reply, this.#grace)
  }

  #watch(silence: number): () => void {
    if (silence === Infinity) return () => {}
    const timer = setInterval(
      () => {
        this.#looks += 1
        if (this.#looks < LOOKS) return
        const silent = `the worker has been silent for ${silence} ms`
        this.fail(new SqliteError(this.#isKnown ? `${silent} while it opened the database` : `${silent}; ${WRONG}`))
      },
      Math.min(silence / LOOKS, MAX_DELAY),
    )
    return () => clearInterval(timer)
  }

  #hear(message: unknown): void {
    if (!isOurs(message)) return
    this.#isKnown = true
    this.#looks = 0
    if ('id' in message) this.#settle(message)
  }

  #post(order: Order, id: number, left?: number, alive?: string): Promise<Reply> {
    return new Promise((resolve) => {
      if (this.loss) return resolve(this.#failed(id, this.loss))
      try {
        // With the spread first, the object gets a slow shape, which takes three times as long to clone.
        this.#line.post({ id, left, alive, ...order })
      } catch (error) {
        // A parameter cannot be cloned.
        return resolve({ ...this.#failed(id, error as Error), isOpen: this.#isOpen })
      }
      this.#line.hold('busy')
      this.#waiting.set(id, resolve)
    })
  }

  #settle(reply: Reply): void {
    const resolve = this.#waiting.get(reply.id)
    // A message of other code can look like a reply.
    if (!resolve) return
    this.#waiting.delete(reply.id)
    // Clear the flag: IDs are reused.
    if (this.#flag) Atomics.compareExchange(this.#flag, 0, reply.id, 0)
    if (this.#waiting.size === 0) this.#line.hold('idle')
    this.#isOpen = reply.isOpen
    resolve(reply)
  }

  #stop(id: number, alive: string | undefined): void {
    if (this.#flag) Atomics.store(this.#flag, 0, id)
    else if (alive !== undefined) URL.revokeObjectURL(alive)
    else this.#line.post({ kind: 'stop', id })
  }

  #failed(id: number, { message }: Error): Reply {
    return { id, failure: { message, code: undefined, interrupted: false }, isOpen: false }
  }
}

function errorOf({ message, code }: Failure): SqliteError {
  return new SqliteError(message, code)
}
