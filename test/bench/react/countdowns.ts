/** The same countdown with each library that has one, and by hand: the time until `deadline`, in whole intervals. */

import { useCountDown } from 'ahooks'
import { useEffect, useState } from 'react'
import { background, withDeadline } from 'rescind'
import type { Context } from 'rescind'
import { useRemaining } from 'rescind/react'

/** Milliseconds between two changes. */
export const INTERVAL = 100

export interface Countdown {
  readonly name: string
  /** Makes the hook for all components that show the time until `deadline`, in epoch milliseconds. */
  useLeftUntil(deadline: number): () => number | undefined
}

export const countdowns: readonly Countdown[] = [
  {
    name: 'rescind',
    useLeftUntil: (deadline) => {
      const ctx: Context = withDeadline(background(), deadline)[0]
      return () => useRemaining(ctx, { interval: INTERVAL })
    },
  },
  {
    name: 'ahooks',
    useLeftUntil: (deadline) => () => useCountDown({ targetDate: deadline, interval: INTERVAL })[0],
  },
  {
    name: 'by hand',
    useLeftUntil: (deadline) => {
      const measure = () => Math.ceil((deadline - Date.now()) / INTERVAL) * INTERVAL
      return () => {
        const [left, show] = useState(measure)
        useEffect(() => {
          const timer = setInterval(() => show(measure()), INTERVAL)
          return () => clearInterval(timer)
        }, [])
        return left
      }
    },
  },
]
