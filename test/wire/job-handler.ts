/** How the workers of the tests handle a job; see node/job.test.ts and browser/job.test.ts. */

import { pause, sleep } from '../../src/index.ts'
import type { Context } from '../../src/index.ts'

/**
 * Requests to a worker: to answer, or to answer with data that only its own agent cluster can read; to fail; to wait
 * for the end; to compute until then, with or without pauses; how that ended; to stop; to die; or to answer and die.
 */
export type Order =
  | { readonly does: 'answer'; readonly with: unknown }
  | { readonly does: 'fail' | 'wait' | 'compute' | 'compute and pause' | 'how it ended' }
  | { readonly does: 'answer with code' }
  | { readonly does: 'throw outside' | 'exit' | 'stop' | 'answer and throw' }

/** How the last order to wait, or to compute without pauses, ended. */
let ended: string | undefined

/** Reports that it has begun, and executes `order`. */
export async function handle(
  ctx: Context,
  order: Order,
  progress: (event: string) => void,
  stop?: () => void,
): Promise<unknown> {
  progress('began')
  switch (order.does) {
    case 'answer':
      return order.with
    case 'answer with code':
      return code()
    case 'fail':
      throw new RangeError('no such part', { cause: { part: 7 } })
    case 'wait':
      return sleep(ctx, Infinity).finally(() => (ended = ctx.err?.name))
    case 'compute':
      return compute(ctx)
    case 'how it ended':
      return ended
    case 'compute and pause':
      for (;;) await pause(ctx)
    case 'stop':
      if (stop) setTimeout(stop)
      return 'stopping'
    case 'exit':
      process.exit(3)
    case 'throw outside':
      throwLater()
      return sleep(ctx, Infinity)
    case 'answer and throw':
      throwLater()
      return 'answered'
  }
}

function throwLater(): void {
  setTimeout(() => {
    throw new RangeError('thrown outside')
  })
}

/** A module of WebAssembly: no other agent cluster may read it, such as that of the page of a shared worker. */
export function code(): WebAssembly.Module {
  return new WebAssembly.Module(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]))
}

/** Polls for the end, without reading any message. */
function compute(ctx: Context): void {
  const last = performance.now() + 15_000
  while (ctx.err === undefined && performance.now() < last) {
    // Busy.
  }
  ended = ctx.err?.name
}
