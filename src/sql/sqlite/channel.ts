/**
 * The line to the worker of an SQLite database: sends a request, tells the worker to stop when the context ends, and
 * settles with what the worker said. The worker is never terminated to cancel: that would lose a database in memory.
 */

import { afterFunc } from '../../callbacks.ts'
import type { Context } from '../../context.ts'
import { remaining } from '../../lifetime.ts'
import { MAX_DELAY } from '../../timers.ts'
import { stopped } from '../errors.ts'
import { endsWithin, inRealTime, isAnswered, settlesWithin } from '../grace.ts'
import { isOurs, LAST_ID } from './protocol.ts'
import type { Failure, Mechanism, Order, Reply, Request, Result, Stop } from './protocol.ts'

/** A silent worker is looked at so many times before it counts as lost; the page may have been frozen before one. */
const LOOKS = 10

const WRONG = 'it must run rescind/sql/sqlite-worker: look at its URL, and whether the bundler left that out'

/** How far ahead of us the clock of the worker may be. */
const AHEAD = 50

/**
 * An error of SQLite. `code` is SQLite's name for it, such as `SQLITE_CONSTRAINT_UNIQUE`; undefined where the error
 * arose outside of SQLite, as for a parameter that cannot be sent to the worker.
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

/** A worker, of a browser or of Node, as far as it is needed here. */
export interface Line {
  post(message: Request | Stop): void
  listen(onMessage: (message: unknown) => void, onFailure: (error: Error) => void): void
  /** Whether the worker keeps the process alive. */
  hold(state: 'busy' | 'idle'): void
  end(): void
}

/** A request on its way. */
export interface Call {
  /** Settles with the answer, or with the end of the context. */
  readonly result: Promise<Result>
  /** Resolves when the worker is through with the request, however that went. */
  readonly over: Promise<void>
}

type ReplyListener = (reply: Reply) => void

export class Channel {
  readonly #line: Line
  readonly #grace: number
  readonly #flag: Int32Array | undefined
  readonly #waiting = new Map<number, ReplyListener>()
  /** What callers still wait for. */
  readonly #awaited = new Set<Promise<unknown>>()
  #mechanism: Mechanism = 'deadline'
  #id: number
  /** Whether the worker has shown to be ours. */
  #isKnown = false
  /** How often the worker was looked at since it said something. */
  #looks = 0
  /** Why no answer will come any more. */
  #failure: Error | undefined
  /** Why nothing is sent any more, though answers may be on their way. */
  #closed: Error | undefined
  #isOpen = false

  /** @param id the number before that of the first request */
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

  /** Whether SQLite is inside of a transaction, as of its last reply, and can be told to commit it. */
  get isOpen(): boolean {
    return this.#isOpen && this.loss === undefined
  }

  /** Why nothing can be sent any more; undefined while something can. */
  get loss(): Error | undefined {
    return this.#failure ?? this.#closed
  }

  /** Whether no answer will come any more. */
  get isLost(): boolean {
    return this.#failure !== undefined
  }

  /** Opens the database. Fails if the worker is silent for `silence` milliseconds in the meantime. */
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

  /** Waits for an answer. False if none has come when the grace time has passed since the end of `ctx`. */
  isAnswered(ctx: Context, answer: Promise<Result>): Promise<boolean> {
    return this.#track(isAnswered(ctx, answer, this.#grace))
  }

  /** Sends an order that gives something back. Resolves when that is done, or when no answer can be waited for. */
  async giveBack(order: Order): Promise<void> {
    await this.#through(this.#post(order, this.#next()))
  }

  /** Sends an order that the end of `ctx` stops, and the deadline of `within`. Neither has ended. */
  call(ctx: Context, order: Order, within: Context = ctx): Call {
    const id = this.#next()
    const alive = this.#mechanism === 'poll' ? URL.createObjectURL(new Blob()) : undefined
    const reply = this.#post(order, id, Math.min(remaining(ctx) ?? Infinity, remaining(within) ?? Infinity), alive)
    const result = new Promise<Result>((resolve, reject) => {
      let stopTimer: (() => void) | undefined
      const stop = afterFunc(ctx, () => {
        this.#stop(id, alive)
        const silent = new SqliteError(`the statement runs on: it could not be stopped within ${this.#grace} ms`)
        stopTimer = inRealTime(this.#grace, () => reject(stopped(ctx, silent)))
      })
      void reply.then(async ({ failure, result }) => {
        stop()
        stopTimer?.()
        if (alive !== undefined) URL.revokeObjectURL(alive)
        if (!failure) return resolve(result as Result)
        const error = errorOf(failure)
        const isOurs = failure.interrupted && (ctx.err !== undefined || (await endsWithin(ctx, AHEAD)))
        reject(isOurs ? stopped(ctx, error) : error)
      })
    })
    return { result: this.#track(result), over: reply.then(() => {}) }
  }

  /** Nothing will come any more: rejects all that waits, and all that is sent from now on. */
  fail(error: Error): void {
    this.#failure ??= error
    for (const id of this.#waiting.keys()) this.#settle(this.#failed(id, this.#failure))
  }

  /** Closes the database, once the worker is through with what is still waited for. Never rejects. */
  async close(): Promise<void> {
    const reply = this.#post({ kind: 'close' }, this.#next())
    // What came behind it would find no database: a commit is better not sent.
    this.#closed = new SqliteError('the database is closed')
    await this.#through(reply)
    this.end()
  }

  end(): void {
    this.fail(this.#closed ?? new SqliteError('the database is closed'))
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
   * Waits for an answer, as long as callers wait for those before it, and for the grace time then: a statement whose
   * caller has given up can keep the worker for good, and a browser does not say that a worker was terminated.
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
        this.#line.post({ ...order, id, left, alive })
      } catch (error) {
        // A parameter that cannot be cloned.
        return resolve({ ...this.#failed(id, error as Error), isOpen: this.#isOpen })
      }
      this.#line.hold('busy')
      this.#waiting.set(id, resolve)
    })
  }

  #settle(reply: Reply): void {
    const resolve = this.#waiting.get(reply.id)
    this.#waiting.delete(reply.id)
    // Another request has the number, some day.
    if (this.#flag) Atomics.compareExchange(this.#flag, 0, reply.id, 0)
    if (this.#waiting.size === 0) this.#line.hold('idle')
    this.#isOpen = reply.isOpen
    resolve?.(reply)
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
