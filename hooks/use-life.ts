/** Binds the lives of a component to React: which one is rendered, and when a successor replaces it. */

import { useDeferredValue, useEffect, useMemo, useReducer, useState } from 'react'
import { lifetimeOf } from '../src/bindings.ts'
import type { Context } from '../src/index.ts'
import { Lives, Life } from './life.ts'
import type { LifeSettings } from './life.ts'
import { usePresence } from './presence.ts'

/** Returns the life to render with. A parent with another lifetime, or another `key`, starts a new life. */
export function useLife(parent: Context, settings: LifeSettings, key?: unknown): Life {
  const [installed, install] = useState(() => new Lives(settings, parent, key).life)
  const { lives } = installed
  const lifetime = lifetimeOf(parent, 'parent')
  // A new life is inert. If React drops the memo, the next commit ends the old life and arms the new one.
  const life = useMemo(
    () => (installed.serves(lifetime, key) ? installed : new Life(lives, parent, key)),
    // oxlint-disable-next-line react/exhaustive-deps -- of the parent, only its lifetime counts
    [installed, lives, lifetime, key],
  )
  usePresence(lives, life, settings, install)
  return life
}

/**
 * Renews a life that its route has ended, after the router's own update, which may remove the component or give it
 * another parent. A deferred value comes after that update whether the router uses a transition or not. This does not
 * use a transition of its own, which would wait for all React actions in flight.
 */
export function useRouteRenewal(lives: Lives): void {
  const [count, scheduleRenewal] = useReducer(increment, 0)
  const deferred = useDeferredValue(count)
  useEffect(() => {
    lives.onRouteEnd(scheduleRenewal)
    if (deferred > 0) lives.renew()
  }, [deferred, lives])
}

function increment(count: number): number {
  return count + 1
}
