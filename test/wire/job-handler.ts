/** What the workers of the tests do with a job; see node/job.test.ts and browser/job.test.ts. */

import { pause, sleep } from '../../src/index.ts'
import type { Context } from '../../src/index.ts'

/**
 * What a worker is asked for: to answer, or to answer with what only its own agent cluster can read; to fail; to wait for the end; to compute until then, with a pause now and then
 * or without one; how that has ended; to stop; or to die.
 */
export type Order =
  | { readonly does: 'answer'; readonly with: unknown }
  | { readonly does: 'fail' | 'wait' | 'compute' | 'compute and pause' | 'how it ended' }
  | { readonly does: 'answer with code' }
  | { readonly does: 'throw outside' | 'exit' | 'stop' }

/** Of the last order to wait, or to compute without a pause. */
let ended: string | undefined

/** Reports that it has begun, and does what it is told. */
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
      setTimeout(() => {
        throw new RangeError('thrown outside')
      })
      return sleep(ctx, Infinity)
  }
}

/** A module of WebAssembly: no other agent cluster may read it, such as that of the page of a shared worker. */
export function code(): WebAssembly.Module {
  return new WebAssembly.Module(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]))
}

/** Polls for the end, and reads not one message meanwhile. */
function compute(ctx: Context): void {
  const last = performance.now() + 15_000
  while (ctx.err === undefined && performance.now() < last) {
    // Busy.
  }
  ended = ctx.err?.name
}
