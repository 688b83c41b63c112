/**
 * Work that the test settles, and a check that nothing is printed, for the tests of the hooks. A test in a file that
 * calls `failOnNoise` fails on every complaint of React, the browser or a promise.
 */

import { act, cleanup } from '@testing-library/react'
import * as React from 'react'
import { cause } from 'rescind'
import type { Context } from 'rescind'
import { afterEach, beforeEach, expect, vi } from 'vitest'
import { catchUncaught, catchUnhandled, task } from '../support.ts'

export { watch } from './watch.ts'

export const isReact18: boolean = React.version.startsWith('18.')

/** Read by name, since React 18 has none of these. */
const features: Partial<Pick<typeof React, 'Activity' | 'use' | 'useActionState' | 'useOptimistic'>> = { ...React }

export const Activity: typeof React.Activity | undefined = features.Activity
export const use: typeof React.use | undefined = features.use
export const useActionState: typeof React.useActionState | undefined = features.useActionState
export const useOptimistic: typeof React.useOptimistic | undefined = features.useOptimistic

interface Noise {
  /** Allows output that a test expects. */
  allow(pattern: RegExp): void
}

/** Makes every later test of this file fail if anything is printed, uncaught or unhandled. */
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
    // Under jsdom the window reports uncaught errors, besides Node.
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

/** A call of the work, which the test settles. */
interface Call<T, A extends readonly unknown[]> {
  readonly ctx: Context
  readonly args: A
  resolve(value: T): void
  reject(error: unknown): void
}

export interface Work<T, A extends readonly unknown[]> {
  readonly fn: (ctx: Context, ...args: A) => Promise<T>
  readonly calls: Call<T, A>[]
  /** The cause of each call's context; undefined while it lives. */
  readonly causes: unknown[]
  /** The latest call. */
  readonly last: Call<T, A>
}

/** Work that waits until the test settles it, and ignores its signal. */
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

/** Runs `action`, and waits until React and all promises are idle. */
export async function settle(action?: () => unknown): Promise<void> {
  await act(async () => {
    await action?.()
    await task()
  })
}
