/** Binds the lives of a component to React: which one is rendered, and when a successor takes its base. */

import { useDeferredValue, useEffect, useMemo, useReducer, useState } from 'react'
import { lifetimeOf } from '../src/bindings.ts'
import type { Context } from '../src/index.ts'
import { Lives, Life } from './life.ts'
import type { LifeSettings } from './life.ts'
import { usePresence } from './presence.ts'

/** The life to render with. A parent of another lifetime, or another `key`, is another life. */
export function useLife(parent: Context, settings: LifeSettings, key?: unknown): Life {
  const [installed, install] = useState(() => new Lives(settings, parent, key).life)
  const { lives } = installed
  const lifetime = lifetimeOf(parent, 'parent')
  // Inert: if React drops the memo, the next commit ends the old life and arms the new one.
  const life = useMemo(
    () => (installed.serves(lifetime, key) ? installed : new Life(lives, parent, key)),
    // oxlint-disable-next-line react/exhaustive-deps -- of the parent, only its lifetime counts
    [installed, lives, lifetime, key],
  )
  usePresence(lives, () => lives.commit(life, settings, install))
  return life
}

/**
 * Has a life that its route has ended replaced after the router's own update, which may remove the component or give it
 * another parent. Deferred, so that it comes later whether the router uses a transition or not; not in a transition of
 * its own, which would wait for all actions that are under way.
 */
export function useRouteRenewal(lives: Lives): void {
  const [left, scheduleRenewal] = useReducer(increment, 0)
  const arrived = useDeferredValue(left)
  useEffect(() => {
    lives.onRouteEnd(scheduleRenewal)
    if (arrived > 0) lives.renew()
  }, [arrived, lives])
}

function increment(count: number): number {
  return count + 1
}
