/// <reference lib="esnext.disposable" preserve="true" />

/**
 * Iteration over a source under a context. However the iteration is left, the pending `next` settles and the source is
 * closed at once. An async generator cannot do that: its `return` waits for the read that is pending, and so do the
 * platform's own iterators. The source is read only while a `next` waits, so backpressure is its own, and the time in
 * which the consumer is busy counts as no silence.
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

/** Chunks in order, as a stream, an iterable or the body of a response gives them. */
export type StreamSource<T> =
  | ReadableStream<T>
  | AsyncIterable<T>
  | (Iterable<T | PromiseLike<T>> & object)
  | { readonly body: ReadableStream<T> | AsyncIterable<T> | null; readonly bodyUsed: boolean }

/** Options of {@link stream}. */
export interface StreamOptions<T> extends DeriveOptions {
  /** The longest silence, in milliseconds, before the first chunk that counts; `idle` if left out. */
  readonly first?: number | undefined
  /** The longest silence, in milliseconds, between chunks that count; Infinity if left out. */
  readonly idle?: number | undefined
  /** Whether a chunk is a sign of life; if left out, each one is. All chunks are passed on. */
  readonly counts?: ((chunk: T) => boolean) | undefined
}

/** The chunks of a source; see {@link stream}. */
export interface Stream<T> extends AsyncIterableIterator<T>, AsyncDisposable {
  /** The next chunk. Calls that wait at the same time get theirs in the order of the calls. */
  next(): Promise<IteratorResult<T, undefined>>
  /** Closes the source, with `value` as the cause, and settles at once. A `next` that waits resolves as done. */
  return(value?: unknown): Promise<IteratorResult<T, undefined>>
  [Symbol.asyncIterator](): Stream<T>
}

/**
 * Iterates over `source` for as long as `ctx` lives, and closes it however the loop is left: by `break`, `throw` or
 * `return`, by its end, or by the end of `ctx`, also in the middle of a chunk. Leaving a loop waits neither for a read
 * that is pending nor for what the source does to close. A source that is never read is closed when `ctx` ends.
 *
 * `first` and `idle` end it after a silence, with a {@link DeadlineExceededError} whose `label` is the name of the
 * option. They count while a `next` waits, so a consumer that takes its time is no silence. `next` rejects with
 * `ctx.err` when `ctx` ends, with the source's own error when the source fails, and after that resolves as done.
 *
 * Text and lines are one `pipeThrough` away:
 * `stream(ctx, response.body.pipeThrough(new TextDecoderStream()))`.
 *
 * @param source a Response, a ReadableStream, an async or a sync iterable, or a function that returns or promises one.
 * The function is called by the first `next`, under a context that ends when the stream is closed. A body that is null
 * has no chunks.
 * @throws TypeError if `ctx` is not a context, `source` none of these, locked or already used, `first` or `idle` not a
 * number, or `counts` not a function. If a function gives no such source, `next` rejects with it.
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
  /** Ends when the source is to be closed. */
  readonly #node: ContextNode
  readonly #cancel: Cancel
  readonly #silence: Silence
  readonly #counts: ((chunk: T) => boolean) | undefined
  /** A function until the first read. */
  #source: Reader<T> | Make<T>
  /** From then on `next` resolves as done. */
  #isOver = false
  #isReading = false
  /** Calls of `next` that wait for their turn. */
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
      // Still reading, or a call in between would overtake.
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
      if (!this.#counts || this.#counts(value)) this.#silence.broken()
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
    // It has come too late.
    this.#close()
    return DONE
  }

  #end(how: Hint, cause?: unknown, failure?: unknown): typeof DONE {
    this.#isOver = true
    // The source may have disarmed it.
    this.#node.own = undefined
    finish(() => this.#cancel(cause), how, failure)
    return DONE
  }

  #close(): void {
    const source = this.#source
    if (typeof source === 'function') return
    // As the platform has it: what `return` was given, or the reason of the signal.
    source.cancel(this.#isOver ? this.#node.ended?.cause : this.#node.err).catch(() => {})
    source.releaseLock()
  }
}

/** What a source is read through: a reader of the platform, or what has its shape. Closing it twice does nothing. */
interface Reader<T> {
  read(): Promise<IteratorResult<T, unknown>>
  cancel(cause: unknown): Promise<unknown>
  releaseLock(): void
}

function open<T>(source: StreamSource<T>): Reader<T> {
  if (isObject(source)) {
    const { body, bodyUsed } = source as { readonly body?: StreamSource<T> | null; readonly bodyUsed?: boolean }
    if (bodyUsed) throw invalid('source', 'a response whose body is not used yet', source)
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
  /** False once the iterator has said its last word: then it must not be asked to return. */
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

  /** Runs up to the first `await` at once. */
  async cancel(): Promise<void> {
    if (!this.#isLive) return
    this.#isLive = false
    // A stream of Node, whose iterator would wait for the read that is pending.
    const { destroy, pipe } = this.#source as { destroy?: unknown; pipe?: unknown }
    if (typeof destroy === 'function' && typeof pipe === 'function') destroy.call(this.#source)
    await this.#iterator.return?.()
  }

  releaseLock(): void {}
}

/** A timer that fires this many milliseconds late was kept waiting by a busy thread or a frozen page. */
const BUSY_MS = 50

/** Measures how long a read has waited for a chunk that counts, and ends the context when that is too long. */
class Silence extends Timer implements Ending, Listener {
  readonly #node: ContextNode
  readonly #idle: number
  label: 'first' | 'idle'
  ms: number
  declare readonly cause: undefined
  /** What is left of `ms` when no read waits. */
  #left: number
  /** The clock that keeps the process alive for the read that waits. */
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

  /** A read waits from now on. */
  begin(): void {
    if (this.#left === Infinity || this.#node.ended) return
    const clock = clockOf(this.#node)
    this.due = clock.now() + Math.max(this.#left, 0)
    clock.start(this)
    this.#held = clock.hold()
  }

  /** The read waits no longer. */
  pause(): void {
    const clock = this.#held
    if (!clock) return
    this.#held = undefined
    clock.stop(this)
    clock.release()
    this.#left = this.due - clock.now()
  }

  /** A chunk that counts has come. */
  broken(): void {
    this.pause()
    this.label = 'idle'
    this.ms = this.#left = this.#idle
  }

  /** Only in a turn of its own: a chunk that has come must not be lost because something asked for the time. */
  expire(_: Listener[], sleepers: Listener[]): void {
    sleepers.push(this)
  }

  tell(): void {
    const { due } = this
    const late = clockOf(this.#node).now() - due
    if (!this.#held || late < 0) return
    if (late < BUSY_MS) return end(this.#node, this)
    // The thread was busy, or the page frozen: what has arrived meanwhile is read first.
    void turn()
      .then(turn)
      .then(() => this.#held && this.due === due && end(this.#node, this))
  }
}
