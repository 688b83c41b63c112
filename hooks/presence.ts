/**
 * Tracks whether a component is mounted and shown. React cleans up insertion effects only on a real unmount, and before
 * passive effects. So if only a passive effect is cleaned up, the cause is StrictMode, which runs the effect again in
 * the same turn, or a hidden Activity, which does not. A component that suspends again keeps both effects.
 */

import { useEffect, useInsertionEffect } from 'react'
import { Hidden, Unmounted } from './causes.ts'

/** Follows whether a component is mounted and shown. Subclasses say what happens then. */
export abstract class Presence {
  isMounted = false
  isShown = false

  /** Runs after every commit of the component, before `show`. */
  protected abstract update(): void

  /** Runs when the component was mounted, or is shown again after it was hidden. */
  protected abstract show(): void

  /** Runs when the component was unmounted or hidden. `why` is `Unmounted`, which is final, or `Hidden`. */
  protected abstract leave(why: Error): void

  /** Runs when the component may have been hidden or unmounted. Must not end contexts: it may only be StrictMode. */
  protected pause(): void {}

  /** Runs when the component was unmounted. Must not end contexts in this turn: React allows no updates here. */
  protected drop(): void {}

  mount(): void {
    this.isMounted = true
  }

  unmount(): void {
    this.isMounted = false
    this.drop()
  }

  refresh(): void {
    this.isShown = true
    this.update()
  }

  appear(): void {
    this.show()
  }

  disappear(): void {
    this.isShown = false
    this.pause()
    if (!this.isMounted) return this.leave(Unmounted)
    queueMicrotask(() => {
      if (!this.isShown) this.leave(this.isMounted ? Hidden : Unmounted)
    })
  }
}

/**
 * Binds `presence` to the component. `commit` stores the values of the latest render. It runs before layout effects and
 * before the effects of children. It must not call code of the user, since React allows no updates there.
 */
export function usePresence(presence: Presence, commit: () => void): void {
  useInsertionEffect(() => {
    presence.mount()
    commit()
    return () => presence.unmount()
  })

  useEffect(() => presence.refresh())

  useEffect(() => {
    presence.appear()
    return () => presence.disappear()
  }, [presence])
}
