/** Binds the lives of a component to React: which one is rendered, and when a successor takes its place. */

import { useDeferredValue, useEffect, useMemo, useReducer, useState } from 'react'
import { lifetimeOf } from '../src/bindings.ts'
import type { Context } from '../src/index.ts'
import { Home, Life } from './life.ts'
import type { Terms } from './life.ts'
import { usePresence } from './presence.ts'

/** The life to render with. A parent of another lifetime, or another `key`, is another life. */
export function useLife(parent: Context, terms: Terms, key?: unknown): Life {
  const [installed, install] = useState(() => new Home(terms, parent, key).life)
  const { home } = installed
  const lifetime = lifetimeOf(parent, 'parent')
  // Inert: if React drops the memo, the next commit ends the old life and arms the new one.
  const life = useMemo(
    () => (installed.serves(lifetime, key) ? installed : new Life(home, parent, key)),
    // oxlint-disable-next-line react/exhaustive-deps -- of the parent, only its lifetime counts
    [installed, home, lifetime, key],
  )
  usePresence(home, () => home.commit(life, terms, install))
  return life
}

/**
 * Has a life that its route has ended replaced after the router's own update, which may remove the component or give it
 * another parent. Deferred, so that it comes later whether the router uses a transition or not; not in a transition of
 * its own, which would wait for all actions that are under way.
 */
export function useArrival(home: Home): void {
  const [left, depart] = useReducer(increment, 0)
  const arrived = useDeferredValue(left)
  useEffect(() => {
    home.follow(depart)
    if (arrived > 0) home.renew()
  }, [arrived, home])
}

function increment(count: number): number {
  return count + 1
}
