/** The time, for what moves on the page. It stands still where nothing is under way or motion is not wanted. */

import { useEffect, useState } from 'react'

/** The page's monotonic clock, once a frame while `state` is `running`. */
export function useClock(state: 'running' | 'still'): number {
  const [now, setNow] = useState(() => performance.now())
  useEffect(() => {
    if (state === 'still') return
    // Still told how far things are, but not as motion.
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

/** Whether motion is not wanted. */
export function isCalm(): boolean {
  return matchMedia('(prefers-reduced-motion: reduce)').matches
}
