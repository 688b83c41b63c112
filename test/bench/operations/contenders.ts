/**
 * Libraries that share, retry and limit, each used as in its documentation. The signal of a caller is passed on where
 * the library accepts one.
 */

import { QueryClient } from '@tanstack/react-query'
import { Semaphore } from 'async-mutex'
import pLimit from 'p-limit'
import pRetry from 'p-retry'
import inflight from 'promise-inflight'
import { background, retry, retryBudget, semaphore, share, withSignal } from 'rescind'

export type Work = (signal?: AbortSignal) => Promise<string>

/** Requests `id` on behalf of a caller. */
type Ask = (signal: AbortSignal, id: string) => Promise<string>

export interface Sharer {
  readonly name: string
  /** Shares `work` among its callers. */
  readonly sharer: (work: Work) => Ask
}

export const sharers: readonly Sharer[] = [
  {
    name: 'rescind `share`',
    sharer: (work) => {
      const load = share(background(), (ctx, _: string) => work(ctx.signal))
      return (signal, id) => load({ signal }, id)
    },
  },
  {
    name: 'TanStack Query `fetchQuery`',
    sharer: (work) => {
      const client = new QueryClient()
      return (_, id) => client.fetchQuery({ queryKey: [id], queryFn: ({ signal }) => work(signal) })
    },
  },
  {
    name: 'promise-inflight',
    sharer: (work) => (signal, id) => inflight(id, () => work(signal)),
  },
  {
    name: 'a `Map` of promises, by hand',
    sharer: (work) => {
      const running = new Map<string, Promise<string>>()
      return (signal, id) => {
        const run = running.get(id) ?? work(signal).finally(() => running.delete(id))
        running.set(id, run)
        return run
      }
    },
  },
]

interface Retries {
  /** The number of all attempts. */
  readonly attempts: number
  /** The milliseconds before the next attempt. */
  readonly delay: number
}

export interface Retrier {
  readonly name: string
  /** Made once for all callers. */
  readonly retrier: (retries: Retries) => (signal: AbortSignal, work: Work, deadline?: number) => Promise<string>
}

export const retriers: readonly Retrier[] = [
  {
    name: 'rescind `retry`, with a budget',
    retrier: ({ attempts, delay }) => {
      const budget = retryBudget()
      return async (signal, work, deadline = Infinity) => {
        const [ctx, cancel] = withSignal(background(), signal)
        try {
          const limited = { signal: ctx.signal, deadline: Date.now() + deadline }
          return await retry(limited, () => work(ctx.signal), { attempts, delay: () => delay, budget })
        } finally {
          cancel()
        }
      }
    },
  },
  {
    name: 'p-retry',
    retrier: ({ attempts, delay }) => {
      const options = { retries: attempts - 1, minTimeout: delay, factor: 1 }
      return (signal, work, deadline) => {
        const limits = deadline === undefined ? options : { ...options, maxRetryTime: deadline }
        return pRetry(() => work(signal), { ...limits, signal })
      }
    },
  },
  {
    name: 'TanStack Query `retry`',
    retrier: ({ attempts, delay }) => {
      const client = new QueryClient()
      let keys = 0
      return (_, work) =>
        client.fetchQuery({
          queryKey: [keys++],
          queryFn: ({ signal }) => work(signal),
          retry: attempts - 1,
          retryDelay: delay,
        })
    },
  },
  {
    name: 'a loop with `setTimeout`, by hand',
    retrier:
      ({ attempts, delay }) =>
      async (signal, work) => {
        for (let attempt = 1; ; attempt++) {
          try {
            return await work(signal)
          } catch (error) {
            if (signal.aborted || attempt === attempts) throw error
          }
          await new Promise((resolve) => setTimeout(resolve, delay))
        }
      },
  },
]

export interface Limiter {
  readonly name: string
  readonly limiter: () => (signal: AbortSignal, work: Work) => Promise<string>
  /** Releases the slot of a limit of one twice. Resolves to the effect; undefined if the library has no release. */
  readonly releaseTwice: (() => Promise<string>) | undefined
}

export const limiters: readonly Limiter[] = [
  {
    name: 'rescind `semaphore`',
    limiter: () => {
      const one = semaphore(1)
      return (signal, work) => one.run({ signal }, (ctx) => work(ctx.signal))
    },
    releaseTwice: async () => {
      const one = semaphore(1)
      const slot = await one.acquire(background())
      slot.release()
      try {
        slot.release()
      } catch (error) {
        return (error as Error).name
      }
      return 'accepted'
    },
  },
  {
    name: 'p-limit',
    limiter: () => {
      const limit = pLimit(1)
      return (signal, work) => limit(() => work(signal))
    },
    releaseTwice: undefined,
  },
  {
    name: 'async-mutex `Semaphore`',
    limiter: () => {
      const one = new Semaphore(1)
      return (signal, work) => one.runExclusive(() => work(signal))
    },
    releaseTwice: async () => {
      const one = new Semaphore(1)
      await one.acquire()
      one.release()
      one.release()
      return `raises the limit to ${one.getValue()}`
    },
  },
]
