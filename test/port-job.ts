/** What the workers of the tests do with a context they are given; see node/port.test.ts and browser/port.test.ts. */

import { afterFunc, background, cause, createKey } from '../src/index.ts'
import type { Context, Key } from '../src/index.ts'
import { fromPort, toPort } from '../src/wire.ts'

export const requestId: Key<string> = createKey<string>('requestId')

/** What a worker is asked for: to wait for the end, to compute until then, to be done at once, or to forget it all. */
export interface Job {
  readonly job: 'wait' | 'compute' | 'be done' | 'forget'
  readonly port: MessagePort
}

/** What a worker tells: that it has the context, and how that has ended. */
export type Report =
  | { readonly event: 'began'; readonly id: string | undefined; readonly hasDeadline: boolean }
  | { readonly event: 'ended'; readonly name: string | undefined; readonly label: unknown; readonly cause: unknown }

export async function work({ job, port }: Job, report: (report: Report) => void): Promise<void> {
  const [ctx, cancel] = await fromPort(background(), port, { keys: [requestId] })
  report({ event: 'began', id: ctx.value(requestId), hasDeadline: ctx.deadline !== undefined })
  if (job === 'be done') cancel('done')
  if (job === 'forget') return void toPort(ctx, new MessageChannel().port1)
  // Not one message is read meanwhile.
  while (job === 'compute' && ctx.err === undefined) {
    // Busy.
  }
  await new Promise<void>((resolve) => {
    afterFunc(ctx, resolve)
  })
  report(endOf(ctx))
}

function endOf(ctx: Context): Report {
  const { name, label } = (ctx.err ?? {}) as { name?: string; label?: unknown }
  const why = cause(ctx)
  return { event: 'ended', name, label, cause: why instanceof Error ? `${why.name}: ${why.message}` : why }
}
