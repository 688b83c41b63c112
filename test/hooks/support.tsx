/**
 * What the tests of the hooks share: work that the test settles, and the promise that nothing is printed. A test of a
 * file that calls `failOnNoise` fails on everything that React, the browser or a promise complains about.
 */

import { act, cleanup } from '@testing-library/react'
import * as React from 'react'
import { cause } from 'rescind'
import type { Context } from 'rescind'
import { afterEach, beforeEach, expect, vi } from 'vitest'
import { catchUncaught, catchUnhandled, task } from '../support.ts'

export { watch } from './watch.ts'

export const isReact18: boolean = React.version.startsWith('18.')

/** Looked up by name: React 18 has none of these. */
const features: Partial<Pick<typeof React, 'Activity' | 'use' | 'useActionState' | 'useOptimistic'>> = { ...React }

export const Activity: typeof React.Activity | undefined = features.Activity
export const use: typeof React.use | undefined = features.use
export const useActionState: typeof React.useActionState | undefined = features.useActionState
export const useOptimistic: typeof React.useOptimistic | undefined = features.useOptimistic

interface Noise {
  /** What a test expects to be printed is not counted. */
  allow(pattern: RegExp): void
}

/** From here on a test of this file fails if anything is printed, or thrown or rejected without being caught. */
export function failOnNoise(): Noise {
  const printed: unknown[] = []
  let allowed: RegExp[] = []
  let stop: (() => void) | undefined
  beforeEach(() => {
    printed.length = 0
    allowed = []
    for (const method of ['error', 'warn'] as const) {
      vi.spyOn(console, method).mockImplementation((...words) => void printed.push(words.map(String).join(' ')))
    }
    const uncaught = catchUncaught()
    const unhandled = catchUnhandled()
    // Under jsdom the window reports what is uncaught, besides Node.
    const onError = (event: ErrorEvent) => {
      event.preventDefault()
      printed.push(`uncaught: ${String(event.error)}`)
    }
    globalThis.addEventListener('error', onError)
    stop = () => {
      globalThis.removeEventListener('error', onError)
      uncaught[Symbol.dispose]()
      unhandled[Symbol.dispose]()
      printed.push(...uncaught.errors, ...unhandled.errors)
    }
  })
  afterEach(async () => {
    cleanup()
    vi.useRealTimers()
    await task()
    await task()
    stop?.()
    vi.restoreAllMocks()
    expect(printed.filter((line) => !allowed.some((pattern) => pattern.test(String(line))))).toEqual([])
  })
  return { allow: (pattern) => allowed.push(pattern) }
}

/** A call of work that is under way. */
interface Call<T, A extends readonly unknown[]> {
  readonly ctx: Context
  readonly args: A
  resolve(value: T): void
  reject(error: unknown): void
}

export interface Work<T, A extends readonly unknown[]> {
  readonly fn: (ctx: Context, ...args: A) => Promise<T>
  readonly calls: Call<T, A>[]
  /** Why each call's context has ended; undefined while it lives. */
  readonly causes: unknown[]
  /** The newest call. */
  readonly last: Call<T, A>
}

/** Work that does nothing but wait until the test settles it. It ignores its signal. */
export function fakeWork<T = string, A extends readonly unknown[] = readonly []>(): Work<T, A> {
  const calls: Call<T, A>[] = []
  return {
    calls,
    fn: (ctx, ...args) => new Promise<T>((resolve, reject) => void calls.push({ ctx, args, resolve, reject })),
    get causes() {
      return calls.map(({ ctx }) => cause(ctx))
    },
    get last() {
      const call = calls.at(-1)
      if (!call) throw new Error('The work has not been called.')
      return call
    },
  }
}

/** Does something, and waits until React and all promises have come to rest. */
export async function settle(action?: () => unknown): Promise<void> {
  await act(async () => {
    await action?.()
    await task()
  })
}
