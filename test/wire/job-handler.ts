/** How the workers of the tests handle a job; see node/job.test.ts and browser/job.test.ts. */

import { pause, sleep } from '../../src/index.ts'
import type { Context } from '../../src/index.ts'

/**
 * Requests to a worker: to answer; to fail; to wait for the end; to compute until then, with or without pauses; how the
 * last computation without pauses ended; to stop; or to die.
 */
export type Order =
  | { readonly does: 'answer'; readonly with: unknown }
  | { readonly does: 'fail' | 'wait' | 'compute' | 'compute and pause' | 'how it ended' }
  | { readonly does: 'throw outside' | 'exit' | 'stop' }

/** How the last computation without pauses ended. */
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
    case 'fail':
      throw new RangeError('no such part', { cause: { part: 7 } })
    case 'wait':
      return sleep(ctx, Infinity)
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

/** Polls for the end, without reading any message. */
function compute(ctx: Context): void {
  const last = performance.now() + 15_000
  while (ctx.err === undefined && performance.now() < last) {
    // Busy.
  }
  ended = ctx.err?.name
}
