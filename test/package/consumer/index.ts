/** A user's program for the compiler; see tarball.test.ts. */

import {
  afterFunc,
  background,
  CanceledError,
  cause,
  createKey,
  DeadlineExceededError,
  disarm,
  group,
  isCanceled,
  isDeadlineExceeded,
  pause,
  shield,
  sleep,
  todo,
  until,
  withCancel,
  withDeadline,
  withoutCancel,
  withSignal,
  withTimeout,
  withValue,
} from 'rescind'
import type { Cancel, Context, Group, Key } from 'rescind'
import { fakeClock } from 'rescind/testing'

const requestId: Key<string> = createKey<string>('requestId', 'none')

export async function handle(parent: Context, signal: AbortSignal): Promise<string | undefined> {
  const [ctx, cancel]: [Context, Cancel] = withTimeout(withValue(parent, requestId, 'r-17'), 5_000, { label: 'handle' })
  const [followed, leave] = withSignal(ctx, signal)
  const stop: () => boolean = afterFunc(followed, () => leave('over'))
  try {
    const tasks: Group = group(followed, { limit: 2 })
    void tasks.go((work) => sleep(work, 10))
    await tasks.wait()
    await pause(ctx)
    const status: number = await until(ctx, async ({ signal: inner }) => (inner.aborted ? 499 : 200))
    return `${status} ${ctx.value(requestId)}`
  } catch (error) {
    if (isCanceled(error) || isDeadlineExceeded(error)) return undefined
    await shield(ctx, 100, (work) => sleep(work, 1))
    throw cause(ctx)
  } finally {
    stop()
    disarm(ctx)
    cancel[Symbol.dispose]()
  }
}

export const ends: [CanceledError | DeadlineExceededError | undefined, number | undefined] = [
  withCancel(background())[0].err,
  withDeadline(todo(), new Date(0))[0].deadline,
]
export const detached: Context = withoutCancel(fakeClock(0).root)
export const kinds: readonly unknown[] = [CanceledError, DeadlineExceededError]
