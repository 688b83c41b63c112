/**
 * The time for everything that moves on the page. It stops while nothing runs, and ticks once a second if the user
 * prefers reduced motion.
 */

import { useEffect, useState } from 'react'

/** The page's monotonic clock in milliseconds, updated every frame while `state` is `running`. */
export function useClock(state: 'running' | 'still'): number {
  const [now, setNow] = useState(() => performance.now())
  useEffect(() => {
    if (state === 'still') return
    // With reduced motion, the progress is updated once a second.
    if (isCalm()) {
      const timer = setInterval(() => setNow(performance.now()), 1000)
      return () => clearInterval(timer)
    }
    let frame = requestAnimationFrame(function tick() {
      setNow(performance.now())
      frame = requestAnimationFrame(tick)
    })
    return () => cancelAnimationFrame(frame)
  }, [state])
  return now
}

/** Whether the user prefers reduced motion. */
export function isCalm(): boolean {
  return matchMedia('(prefers-reduced-motion: reduce)').matches
}
