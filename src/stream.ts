/// <reference lib="esnext.disposable" preserve="true" />

/**
 * Iteration over a source under a context. Whichever way the loop is left, the pending `next` settles and the source is
 * closed at once. An async generator cannot do that: its `return` waits for the pending read, and so do the platform's
 * iterators. The source is read only while a `next` waits: this keeps its backpressure, and the time in which the
 * consumer is busy does not count as silence.
 */

import { assertFunction, assertNumber, assertOptions, invalid, isObject } from './arguments.ts'
import { afterFunc } from './callbacks.ts'
import { contextOf, createCancel, derive, end, errorAt } from './context.ts'
import type { Cancel, Context, ContextLike, ContextNode, DeriveOptions, Ending } from './context.ts'
import { clockOf } from './deadlines.ts'
import { DeadlineExceededError } from './errors.ts'
import type { Listener } from './listeners.ts'
import { finish } from './observer.ts'
import type { Hint } from './observer.ts'
import { wait } from './tasks.ts'
import { Timer } from './timers.ts'
import type { Clock } from './timers.ts'
import { turn } from './turn.ts'

/** Any source of chunks in order: a stream, an iterable, or a response with a body. */
export type StreamSource<T> =
  | ReadableStream<T>
  | AsyncIterable<T>
  | (Iterable<T | PromiseLike<T>> & object)
  | { readonly body: ReadableStream<T> | AsyncIterable<T> | null; readonly bodyUsed: boolean }

/** Options of {@link stream}. */
export interface StreamOptions<T> extends DeriveOptions {
  /** The longest silence, in milliseconds, before the first chunk that counts; by default `idle`. */
  readonly first?: number | undefined
  /** The longest silence, in milliseconds, between chunks that count; by default Infinity. */
  readonly idle?: number | undefined
  /** Returns false for chunks that do not end a silence, such as keep-alives; by default all do. All are passed on. */
  readonly counts?: ((chunk: T) => boolean) | undefined
}

/** The chunks of a source; see {@link stream}. */
export interface Stream<T> extends AsyncIterableIterator<T>, AsyncDisposable {
  /** Reads the next chunk. Concurrent calls get their chunks in the order of the calls. */
  next(): Promise<IteratorResult<T, undefined>>
  /** Closes the source, with `value` as the cause, and settles at once. A pending `next` resolves as done. */
  return(value?: unknown): Promise<IteratorResult<T, undefined>>
  [Symbol.asyncIterator](): Stream<T>
}

/**
 * Iterates over `source` while `ctx` lives, and closes it when the loop is left: by `break`, `throw` or `return`, at
 * the end of the source, or when `ctx` ends, also during a read. Leaving the loop waits neither for a pending read nor
 * for the source to close. A source that is never read is closed when `ctx` ends.
 *
 * `first` and `idle` end the stream after a silence, with a {@link DeadlineExceededError} whose `label` is the name of
 * the option. Time counts only while a `next` waits, so a slow consumer causes no timeout. `next` rejects with
 * `ctx.err` when `ctx` ends, and with the error of the source when the source fails; after that it resolves as done.
 *
 * For text, use `pipeThrough`: `stream(ctx, response.body.pipeThrough(new TextDecoderStream()))`.
 *
 * @param source a Response, a ReadableStream, an async or a sync iterable, or a function that returns or promises one.
 * The first `next` calls the function, with a context that ends when the stream is closed. A body that is null has no
 * chunks.
 * @throws TypeError if `ctx` is not a context, `source` is none of these, is locked or already used, `first` or `idle`
 * is not a number, or `counts` is not a function. If a function returns no such source, `next` rejects with it.
 * @example
 * const [ctx, cancel] = withTimeout(background(), 60_000)
 * let titles = ''
 * const answer = stream(ctx, ({ signal }) => fetch('data:,Blue%20Train', { signal }), { first: 10_000, idle: 5_000 })
 * for await (const chunk of answer) titles += new TextDecoder().decode(chunk)
 * titles // => 'Blue Train'
 * cancel()
 */
export function stream<T>(
  ctx: ContextLike,
  source: StreamSource<T> | ((ctx: Context) => StreamSource<T> | PromiseLike<StreamSource<T>>),
  options: StreamOptions<T> = {},
): Stream<T> {
  const context = contextOf(ctx)
  assertOptions(options)
  const { idle = Infinity, first = idle, counts } = options
  assertNumber('idle', idle)
  assertNumber('first', first)
  if (counts !== undefined) assertFunction('counts', counts)
  const reader = typeof source === 'function' ? undefined : open<T>(source)
  const node = derive(context, 'stream', options)
  const silence = new Silence(node, options.first === undefined ? 'idle' : 'first', first, idle)
  return new Reading(node, reader ?? (source as Make<T>), silence, counts)
}

type Make<T> = (ctx: Context) => StreamSource<T> | PromiseLike<StreamSource<T>>

const DONE = { done: true, value: undefined } as const
const ASYNC_DISPOSE: typeof Symbol.asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')

class Reading<T> implements Stream<T> {
  /** The context of the source. Its end closes the source. */
  readonly #node: ContextNode
  readonly #cancel: Cancel
  readonly #silence: Silence
  readonly #counts: ((chunk: T) => boolean) | undefined
  /** A function until the first read, if one was given. */
  #source: Reader<T> | Make<T>
  /** True if every later `next` resolves as done. */
  #isOver = false
  #isReading = false
  /** Resumes calls of `next` that wait for an earlier call. */
  readonly #waiting: (() => void)[] = []

  constructor(
    node: ContextNode,
    source: Reader<T> | Make<T>,
    silence: Silence,
    counts: ((chunk: T) => boolean) | undefined,
  ) {
    this.#node = node
    this.#cancel = createCancel(node)
    this.#source = source
    this.#silence = silence
    this.#counts = counts
    afterFunc(node, () => this.#close())
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    if (this.#isReading) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve)
      })
    }
    this.#isReading = true
    try {
      return this.#isOver ? DONE : await this.#read()
    } finally {
      const next = this.#waiting.shift()
      // `#isReading` stays true, or a new call of `next` could run before the one that is resumed.
      if (next) next()
      else this.#isReading = false
    }
  }

  async return(value?: unknown): Promise<IteratorResult<T, undefined>> {
    this.#end('disposed', value)
    return { done: true, value: value as undefined }
  }

  [Symbol.asyncIterator](): Stream<T> {
    return this
  }

  async [ASYNC_DISPOSE](): Promise<void> {
    this.#end('disposed')
  }

  async #read(): Promise<IteratorResult<T, undefined>> {
    this.#silence.begin()
    try {
      const { done, value } = await wait(this.#node, 'stream', () => this.#ask())
      if (done) return this.#end('completed')
      if (!this.#counts || this.#counts(value)) this.#silence.restart()
      return { done: false, value }
    } catch (error) {
      if (this.#isOver) return DONE
      this.#end('canceled', undefined, error)
      throw error
    } finally {
      this.#silence.pause()
    }
  }

  #ask(): PromiseLike<IteratorResult<T, unknown>> {
    const source = this.#source
    return typeof source === 'function' ? this.#open(source) : source.read()
  }

  async #open(make: Make<T>): Promise<IteratorResult<T, unknown>> {
    const source = (this.#source = open(await make(this.#node)))
    if (!this.#node.ended) return source.read()
    // The context ended while the source was made.
    this.#close()
    return DONE
  }

  #end(how: Hint, cause?: unknown, failure?: unknown): typeof DONE {
    this.#isOver = true
    // The function that made the source may have disarmed its context, which must end now.
    this.#node.own = undefined
    finish(() => this.#cancel(cause), how, failure)
    return DONE
  }

  #close(): void {
    const source = this.#source
    if (typeof source === 'function') return
    // The same cause as in the platform's iterators: the argument of `return`, or the reason of the signal.
    source.cancel(this.#isOver ? this.#node.ended?.cause : this.#node.err).catch(() => {})
    source.releaseLock()
  }
}

/** Reads a source: a reader of the platform, or an object with the same methods. A second `cancel` does nothing. */
interface Reader<T> {
  read(): Promise<IteratorResult<T, unknown>>
  cancel(cause: unknown): Promise<unknown>
  releaseLock(): void
}

function open<T>(source: StreamSource<T>): Reader<T> {
  if (isObject(source)) {
    const { body, bodyUsed } = source as { readonly body?: StreamSource<T> | null; readonly bodyUsed?: boolean }
    if (bodyUsed) throw invalid('source', 'a response whose body has not been read', source)
    if (bodyUsed === false && body !== undefined) return body === null ? new IteratorReader<T>([]) : open(body)
    const { getReader, locked } = source as Partial<ReadableStream<T>>
    if (locked) throw invalid('source', 'a stream that is not locked', source)
    if (typeof getReader === 'function') return (source as ReadableStream<T>).getReader()
    if (Symbol.asyncIterator in source || Symbol.iterator in source) return new IteratorReader(source)
  }
  throw invalid('source', 'a Response, a ReadableStream, an iterable, or a function that returns one', source)
}

type Iterables<T> = AsyncIterable<T> | Iterable<T | PromiseLike<T>>

/** Reads an iterable. */
class IteratorReader<T> implements Reader<T> {
  readonly #source: Iterables<T>
  readonly #iterator: AsyncIterator<T> | Iterator<T | PromiseLike<T>>
  readonly #isAsync: boolean
  /** False once the iterator is done or has thrown: its `return` must not be called then. */
  #isLive = true

  constructor(source: Iterables<T>) {
    this.#source = source
    this.#isAsync = Symbol.asyncIterator in source
    this.#iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
  }

  async read(): Promise<IteratorResult<T, unknown>> {
    try {
      const result = await this.#iterator.next()
      if (!isObject(result)) throw invalid('a result of the source', 'an object', result)
      if (result.done) this.#isLive = false
      return this.#isAsync ? (result as IteratorResult<T>) : { done: result.done ?? false, value: await result.value }
    } catch (error) {
      this.#isLive = false
      throw error
    }
  }

  async cancel(): Promise<void> {
    if (!this.#isLive) return
    this.#isLive = false
    // Destroy a stream of Node: the `return` of its iterator would wait for the pending read.
    const { destroy, pipe } = this.#source as { destroy?: unknown; pipe?: unknown }
    if (typeof destroy === 'function' && typeof pipe === 'function') destroy.call(this.#source)
    await this.#iterator.return?.()
  }

  releaseLock(): void {}
}

/** A timer that fires at least this many milliseconds late was delayed by a busy thread or a frozen page. */
const BUSY_MS = 50

/** Measures how long reads have waited for a chunk that counts, and ends the context after too long a silence. */
class Silence extends Timer implements Ending, Listener {
  readonly #node: ContextNode
  readonly #idle: number
  label: 'first' | 'idle'
  ms: number
  declare readonly cause: undefined
  /** The rest of `ms`, updated when a read stops waiting. */
  #left: number
  /** The clock that keeps the process alive while a read waits; undefined while none waits. */
  #held: Clock | undefined
  #error: DeadlineExceededError | undefined

  constructor(node: ContextNode, label: 'first' | 'idle', ms: number, idle: number) {
    super(Infinity)
    this.#node = node
    this.#idle = idle
    this.label = label
    this.ms = this.#left = ms
  }

  get error(): DeadlineExceededError {
    return (this.#error ??= errorAt(this.#node, () => new DeadlineExceededError(this)))
  }

  /** Call it when a read begins to wait. */
  begin(): void {
    if (this.#left === Infinity || this.#node.ended) return
    const clock = clockOf(this.#node)
    this.due = clock.now() + Math.max(this.#left, 0)
    clock.start(this)
    this.#held = clock.hold()
  }

  /** Call it when the read no longer waits. Idempotent. */
  pause(): void {
    const clock = this.#held
    if (!clock) return
    this.#held = undefined
    clock.stop(this)
    clock.release()
    this.#left = this.due - clock.now()
  }

  /** Starts a new silence. Call it when a chunk that counts has arrived. */
  restart(): void {
    this.pause()
    this.label = 'idle'
    this.ms = this.#left = this.#idle
  }

  /** Does not end the node: `check` also runs inside reads such as `err`, when a chunk may have arrived unread. */
  expire(_: Listener[], sleepers: Listener[]): void {
    sleepers.push(this)
  }

  tell(): void {
    const { due } = this
    const late = clockOf(this.#node).now() - due
    if (!this.#held || late < 0) return
    if (late < BUSY_MS) return end(this.#node, this)
    // The thread was busy, or the page frozen. Chunks may have arrived meanwhile, so reads get two turns first.
    void turn()
      .then(turn)
      .then(() => this.#held && this.due === due && end(this.#node, this))
  }
}
