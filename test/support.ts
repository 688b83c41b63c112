/**
 * The vocabulary of the tests: what several of them need to observe the surroundings of a context. Runs where the tests
 * run, in Node, jsdom and browsers.
 */

import { withCancel, withDeadline, withSignal, withTimeout } from 'rescind'
import type { Cancel, Context, ContextLike } from 'rescind'
import { afterEach, beforeEach } from 'vitest'

/** Every way to derive a context that can end, each of a live `parent` and with nothing that ends it by itself. */
export const derivations: [name: string, derive: (parent: ContextLike) => [ctx: Context, cancel: Cancel]][] = [
  ['withCancel', (parent) => withCancel(parent)],
  ['withTimeout', (parent) => withTimeout(parent, 60_000)],
  ['withDeadline', (parent) => withDeadline(parent, Date.now() + 60_000)],
  ['withSignal', (parent) => withSignal(parent, new AbortController().signal)],
]

/** Adds `name` to `log` when `ctx` aborts its signal. */
export function logAbort(ctx: Context, log: string[], name: string): void {
  ctx.signal.addEventListener('abort', () => log.push(name))
}

/** Blocks the event loop, as a long computation does: no timer fires meanwhile. */
export function block(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end) {
    // Busy.
  }
}

/** Resolves after all microtasks that are queued now. */
export function microtask(): Promise<void> {
  return Promise.resolve()
}

/** Resolves after chains of promises that settle within this turn, or after `count` microtasks. */
export async function microtasks(count = 10): Promise<void> {
  for (; count > 0; count--) await microtask()
}

/** Resolves after all microtasks, when uncaught errors have been reported. Needs real timers. */
export function task(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve)
  })
}

/** Counts the listeners of `signal` from now on. */
export function countListeners(signal: AbortSignal): () => number {
  const listening = new Map<unknown, boolean>()
  const { addEventListener, removeEventListener } = signal
  signal.addEventListener = (type: string, listener: EventListener, options?: boolean | AddEventListenerOptions) => {
    addEventListener.call(signal, type, listener, options)
    listening.set(listener, typeof options === 'object' && options.once === true)
  }
  signal.removeEventListener = (type: string, listener: EventListener, options?: boolean | EventListenerOptions) => {
    removeEventListener.call(signal, type, listener, options)
    listening.delete(listener)
  }
  return () => [...listening.values()].filter((once) => !(once && signal.aborted)).length
}

/** Collects uncaught errors in place of the platform and the test runner, until it is disposed. */
interface Caught extends Disposable {
  readonly errors: readonly unknown[]
}

/** Collects errors that are thrown and not caught. */
export function catchUncaught(): Caught {
  return takeOver('uncaughtException', 'error', (event) => (event as ErrorEvent).error)
}

/** Collects unhandled rejections. They are reported in a later task. */
export function catchUnhandled(): Caught {
  return takeOver('unhandledRejection', 'unhandledrejection', (event) => (event as PromiseRejectionEvent).reason)
}

/** Makes every later test of this file fail if it leaves an unhandled rejection. */
export function failOnUnhandled(): void {
  let unhandled: Caught
  beforeEach(() => {
    unhandled = catchUnhandled()
  })
  afterEach(async () => {
    await task()
    await task()
    unhandled[Symbol.dispose]()
    if (unhandled.errors.length > 0) throw new AggregateError(unhandled.errors, 'rejections that nobody handled')
  })
}

function takeOver(inNode: string, inBrowsers: string, errorOf: (event: Event) => unknown): Caught {
  const errors: unknown[] = []
  if (typeof process === 'object' && typeof process.listeners === 'function') {
    const emitter: NodeJS.EventEmitter = process
    const others = emitter.listeners(inNode) as ((error: unknown) => void)[]
    emitter.removeAllListeners(inNode)
    emitter.on(inNode, (error) => errors.push(error))
    return {
      errors,
      [Symbol.dispose]() {
        emitter.removeAllListeners(inNode)
        for (const listener of others) emitter.on(inNode, listener)
      },
    }
  }
  const onEvent = (event: Event) => {
    event.preventDefault()
    event.stopImmediatePropagation()
    errors.push(errorOf(event))
  }
  addEventListener(inBrowsers, onEvent, true)
  return { errors, [Symbol.dispose]: () => removeEventListener(inBrowsers, onEvent, true) }
}

/** Whether the object that `make` returns is collected, thus retained by nothing that the caller holds. */
export async function isCollected(make: () => object): Promise<boolean> {
  const ref = new WeakRef(make())
  for (let round = 0; round < 5 && ref.deref(); round++) {
    await task()
    globalThis.gc?.()
  }
  return ref.deref() === undefined
}

/** How a promise has settled so far. */
export interface Outcome<T> {
  readonly settled: boolean
  readonly value?: T
  readonly error?: unknown
}

/** Observes `promise`, and thereby handles its rejection. */
export function outcome<T>(promise: PromiseLike<T>): Outcome<T> {
  const result: { settled: boolean; value?: T; error?: unknown } = { settled: false }
  promise.then(
    (value) => Object.assign(result, { settled: true, value }),
    (error: unknown) => Object.assign(result, { settled: true, error }),
  )
  return result
}

/** Lets a value of a wrong type past the compiler, for tests of misuse. */
export function wrong<T>(value: unknown): T {
  return value as T
}
