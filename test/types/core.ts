/**
 * Public types that the compiler must accept and refuse. Nothing here runs: `npm run check` is the test, and a missing
 * error fails it.
 */

import {
  afterFunc,
  background,
  cause,
  createKey,
  disarm,
  group,
  pause,
  retry,
  retryBudget,
  semaphore,
  share,
  shield,
  sleep,
  stream,
  until,
  withCancel,
  withDeadline,
  within,
  withSignal,
  withTimeout,
  withValue,
} from 'rescind'
import type {
  Cancel,
  CanceledError,
  Context,
  ContextLike,
  DeadlineExceededError,
  Group,
  Key,
  RetryBudget,
  Semaphore,
  Shared,
  Slot,
  Stream,
} from 'rescind'

/** Accepts only an argument of exactly the type `Expected`. */
function exactly<Expected>() {
  return <Actual>(_: Actual & (Same<Actual, Expected> extends true ? unknown : never)): void => {}
}

type Same<One, Other> =
  (<Probe>() => Probe extends One ? 1 : 2) extends <Probe>() => Probe extends Other ? 1 : 2 ? true : false

const root = background()
const text = createKey<string>('text')
const [ctx, cancel] = withCancel(root)

// @ts-expect-error -- `exactly` itself: a wider type is not the same
exactly<string | undefined>()('text')

// Deriving: a labelled pair, from any object with a signal.
exactly<[ctx: Context, cancel: Cancel]>()(withCancel(root))
exactly<[ctx: Context, cancel: Cancel]>()(withTimeout(root, 5_000, { label: 'search', cause: 'slow' }))
exactly<[ctx: Context, cancel: Cancel]>()(withDeadline(root, new Date()))
exactly<[ctx: Context, cancel: Cancel]>()(withSignal(root, [AbortSignal.timeout(5), null, undefined], { label: 'x' }))
withCancel(new AbortController())
withCancel(new Request('/'))

// @ts-expect-error -- a parent is not optional
withCancel()
// @ts-expect-error -- nor is it null
withCancel(null)
// @ts-expect-error -- a bare signal is not a context: use withSignal
withCancel(AbortSignal.timeout(5))
// @ts-expect-error -- a duration is a number
withTimeout(root, '5s')
// @ts-expect-error -- a time is a number or a Date
withDeadline(root, '2030-01-01')
// @ts-expect-error -- signals, not controllers
withSignal(root, new AbortController())
// @ts-expect-error -- only a deadline has a cause in advance
withCancel(root, { cause: 'none' })
// @ts-expect-error -- a misspelled option
withTimeout(root, 5, { lable: 'search' })

// Canceling: with or without a cause, and at the end of a block.
cancel()
cancel(new Error('any cause'))
exactly<Cancel>()(cancel)
cancel satisfies Disposable

// A context is read, never written.
exactly<AbortSignal>()(ctx.signal)
exactly<number | undefined>()(ctx.deadline)
exactly<CanceledError | DeadlineExceededError | undefined>()(ctx.err)
exactly<unknown>()(cause(ctx))
ctx satisfies ContextLike
// @ts-expect-error -- the signal is the context's own
ctx.signal = AbortSignal.abort()
// @ts-expect-error -- only `cancel` ends it
ctx.cancel()

// Values: the key knows the type.
exactly<string | undefined>()(ctx.value(text))
exactly<Key<number, number>>()(createKey('count', 0))
exactly<number>()(ctx.value(createKey('count', 0)))
exactly<number | undefined>()(ctx.value(createKey<number>('count')))
createKey('count', 0) satisfies Key<number>
// @ts-expect-error -- a key of another type, without a fallback that shows it
createKey<number>('count') satisfies Key<string>
withValue(ctx, text, 'r-17')
// @ts-expect-error -- a value of another type
withValue(ctx, text, 17)
// @ts-expect-error -- a key comes from createKey
withValue(ctx, 'text', 'r-17')
// @ts-expect-error -- also for reading
ctx.value('text')
// @ts-expect-error -- an object of the same shape is not a key
ctx.value({ name: 'text', fallback: undefined })

// Work: typed by its result.
exactly<Promise<void>>()(sleep(ctx, 10))
exactly<Promise<number>>()(until(ctx, Promise.resolve(1)))
exactly<Promise<number>>()(until(ctx, (inner) => inner.deadline ?? 0))
exactly<Promise<string>>()(shield(ctx, 100, async () => 'clean'))
exactly<Promise<void>>()(pause(ctx))
exactly<Promise<string>>()(within(ctx, 100, () => 'done'))
exactly<Promise<string | number>>()(within(ctx, { timeout: 100, fallback: 0 }, async () => 'done'))
exactly<Promise<string | undefined>>()(within(ctx, { fallback: () => undefined }, () => 'done'))
exactly<() => boolean>()(afterFunc(ctx, () => {}))
exactly<void>()(disarm(ctx))
// @ts-expect-error -- a value is not work
until(ctx, 1)
// @ts-expect-error -- the context comes first
until(Promise.resolve(1), ctx)
// @ts-expect-error -- work comes last
shield(ctx, () => {}, 100)
// @ts-expect-error -- a limit is a number, or an object of limits
within(ctx, '5s', () => {})

// Streams: typed by their chunks, whatever the source is.
exactly<Stream<Uint8Array<ArrayBuffer>>>()(stream(ctx, new Response('')))
exactly<Stream<Uint8Array<ArrayBuffer>>>()(stream(ctx, ({ signal }) => fetch('/', { signal })))
exactly<Stream<string>>()(stream(ctx, new ReadableStream<string>(), { idle: 5, counts: (chunk) => chunk !== ':' }))
exactly<Stream<number>>()(stream(ctx, [1, Promise.resolve(2)], { first: undefined, label: 'numbers' }))
exactly<Stream<number>>()(
  stream(ctx, async function* () {
    yield 1
  }),
)
stream(ctx, [1]) satisfies AsyncIterable<number>
stream(ctx, [1]) satisfies AsyncDisposable
// @ts-expect-error -- text is not a source, though its characters can be iterated
stream(ctx, 'text')
// @ts-expect-error -- the context comes first
stream([1], ctx)
// @ts-expect-error -- a silence is a number
stream(ctx, [1], { idle: '5s' })

const tasks: Group = group(ctx, { limit: 2, supervise: true })
tasks satisfies AsyncDisposable
exactly<PromiseLike<boolean>>()(tasks.go(({ signal }) => signal.aborted))
exactly<boolean>()(tasks.tryGo(async () => {}))
exactly<Promise<void>>()(tasks.wait())
// @ts-expect-error -- a promise has started already: a group starts its work
tasks.go(Promise.resolve())
// @ts-expect-error -- a limit is a number
group(ctx, { limit: '2' })

const user = share(root, async (inner, id: number, name?: string) => `${inner.deadline} ${id} ${name}`)
exactly<Shared<[id: number, name?: string], string>>()(user)
exactly<Promise<string>>()(user(ctx, 1))
exactly<Promise<string>>()(user({ signal: AbortSignal.timeout(5) }, 1, 'Ann'))
const byKey = share(root, async (_, { id }: { id: number }) => id, { key: ({ id }) => id, label: 'user' })
exactly<Shared<[{ id: number }], number>>()(byKey)
// @ts-expect-error -- the context of the caller comes first
user(1)
// @ts-expect-error -- the arguments must be those of the work
user(ctx, '1')
// @ts-expect-error -- also for forget
user.forget('1')

const budget: RetryBudget = retryBudget({ tokens: 10, ratio: 0.2 })
exactly<Promise<number>>()(retry(ctx, async (_, attempt) => attempt, { attempts: 5, delay: 100, budget }))
retry(ctx, () => 1, { delay: (attempt, error) => (error instanceof Error ? attempt : 0) })
retry(ctx, () => 1, { retryIf: (error, attempt) => error instanceof Error && attempt < 2 })
// @ts-expect-error -- a budget is shared, so retryBudget makes it
retry(ctx, () => 1, { budget: 100 })
// @ts-expect-error -- retryIf returns a boolean
retry(ctx, () => 1, { retryIf: () => 'yes' })

const limit: Semaphore = semaphore(2)
exactly<Promise<number>>()(limit.run(ctx, async () => 1))
exactly<Promise<Slot>>()(limit.acquire(ctx))
exactly<Slot | undefined>()(limit.tryAcquire())
// @ts-expect-error -- a caller needs a context
limit.acquire()
