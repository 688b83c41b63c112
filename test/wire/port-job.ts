/** How the workers of the tests use a received context; see node/port.test.ts and browser/port.test.ts. */

import { afterFunc, background, cause, createKey, pause } from '../../src/index.ts'
import type { Context, Key } from '../../src/index.ts'
import { fromPort, serializeError, toPort } from '../../src/wire/index.ts'
import type { SerializedError } from '../../src/wire/index.ts'

export const requestId: Key<string> = createKey<string>('requestId')

/**
 * Requests to a worker: to wait for the end; to compute until then, with or without pauses; to fail with the end, or
 * with an error of its own; to be done at once; or to drop the context.
 */
export interface Job {
  readonly job: 'wait' | 'compute' | 'compute and pause' | 'fail with the end' | 'fail' | 'be done' | 'forget'
  readonly port: MessagePort
}

/** Reports of a worker: that it has the context, and how that ended. */
export type Report =
  | { readonly event: 'began'; readonly id: string | undefined; readonly hasDeadline: boolean }
  | { readonly event: 'ended'; readonly name: string | undefined; readonly label: unknown; readonly cause: unknown }
  | { readonly event: 'failed'; readonly error: SerializedError }

export async function work({ job, port }: Job, report: (report: Report) => void): Promise<void> {
  const [ctx, cancel] = await fromPort(background(), port, { keys: [requestId] })
  report({ event: 'began', id: ctx.value(requestId), hasDeadline: ctx.deadline !== undefined })
  if (job === 'be done') cancel('done')
  if (job === 'forget') return void toPort(ctx, new MessageChannel().port1)
  if (job === 'compute') {
    compute(ctx)
    // Before any message can be read.
    return report(endOf(ctx))
  }
  try {
    if (job === 'fail') throw new RangeError('no such part', { cause: { part: 7 } })
    while (job === 'compute and pause') await pause(ctx)
    await new Promise<void>((resolve) => {
      afterFunc(ctx, resolve)
    })
    if (job === 'fail with the end') ctx.throwIfDone()
  } catch (error) {
    report({ event: 'failed', error: serializeError(error) })
  }
  if (job !== 'fail') report(endOf(ctx))
  cancel()
}

/** Polls for the end, without reading any message. */
function compute(ctx: Context): void {
  const last = performance.now() + 15_000
  while (ctx.err === undefined && performance.now() < last) {
    // Busy.
  }
}

function endOf(ctx: Context): Report {
  const { name, label } = (ctx.err ?? {}) as { name?: string; label?: unknown }
  const why = cause(ctx)
  return { event: 'ended', name, label, cause: why instanceof Error ? `${why.name}: ${why.message}` : why }
}
