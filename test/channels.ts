/** Message channels for the tests of ports, closed after each test. */

import { background, withCancel } from 'rescind'
import type { Cancel, Context } from 'rescind'
import { fromPort, toPort } from 'rescind/wire'
import type { PortOptions } from 'rescind/wire'
import { afterEach, vi } from 'vitest'
import type { MockInstance } from 'vitest'

/** A context on both sides of a channel. */
export interface Passed {
  readonly port1: MessagePort
  readonly port2: MessagePort
  readonly release: Cancel
  readonly received: Context
  readonly cancel: Cancel
}

/** Whether a port is notified when its other end closes. */
export const tellsOfClose: boolean = typeof process === 'object' && typeof process.listeners === 'function'

const ports: MessagePort[] = []

/** A file that uses {@link channel} calls this once. */
export function closePorts(): void {
  afterEach(() => {
    for (const port of ports.splice(0)) port.close()
  })
}

export function channel(): [port1: MessagePort, port2: MessagePort] {
  const { port1, port2 } = new MessageChannel()
  ports.push(port1, port2)
  return [port1, port2]
}

/** Counts the listeners of `port`, and the calls of its `close`. */
export function watch(port: MessagePort): { listeners: () => number; closed: MockInstance<() => void> } {
  const added = vi.spyOn(port, 'addEventListener')
  const removed = vi.spyOn(port, 'removeEventListener')
  const closed = vi.spyOn(port, 'close')
  return { listeners: () => added.mock.calls.length - removed.mock.calls.length, closed }
}

/** Passes `ctx` through a channel. */
export async function pass(ctx: Context, options?: PortOptions, parent: Context = background()): Promise<Passed> {
  const [port1, port2] = channel()
  const release = toPort(ctx, port1, options)
  const [received, cancel] = await fromPort(parent, port2, options)
  return { port1, port2, release, received, cancel }
}

/** Resolves with `ctx.err` when `ctx` has ended. */
export function ended(ctx: Context): Promise<unknown> {
  return new Promise((resolve) => {
    if (ctx.err) resolve(ctx.err)
    else ctx.signal.addEventListener('abort', () => resolve(ctx.err))
  })
}

/** The cause of `ctx` on the other side of a channel. */
export async function sent(why: unknown): Promise<unknown> {
  const [ctx, cancel] = withCancel(background())
  const { received } = await pass(ctx)
  // By the message, not by shared memory: the signal is read before.
  const { signal } = received
  const end = new Promise((resolve) => {
    signal.addEventListener('abort', resolve)
  })
  cancel(why)
  await end
  return received.err?.cause
}

/** A list of so many holes: long, and yet a short message. */
export function holes(length: number): unknown[] {
  return Object.assign([], { length })
}

/** Enough to notice if they are read one by one, and few enough for WebKit, which does that in `postMessage`. */
export const COUNTLESS = 1_000_000
