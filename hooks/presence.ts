/**
 * Tracks whether a component is mounted and shown. React cleans up insertion effects only on a real unmount, and before
 * passive effects. So if only a passive effect is cleaned up, the cause is StrictMode, which runs the effect again in
 * the same turn, or a hidden Activity, which does not. A component that suspends again keeps both effects.
 */

import { useEffect, useInsertionEffect } from 'react'
import { Hidden, Unmounted } from './causes.ts'

/** Follows whether a component is mounted and shown. Subclasses say what happens then. */
export abstract class Presence<State, Settings> {
  isMounted = false
  isShown = false
  /** True while `update` runs. */
  protected isInEffect = false

  /**
   * Stores the values of a render when it is committed. `render` makes React render another state. Must not call code
   * of the user, since React allows no updates there.
   */
  abstract commit(state: State, settings: Settings, render: (state: State) => void): void

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
    this.isInEffect = true
    this.update()
    this.isInEffect = false
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

const ONCE: readonly [] = []

/**
 * Binds `presence`, which is the same in every render, to the component. Commits the values of the latest render before
 * layout effects and before the effects of children. Takes values in place of a function, since React retains the
 * functions of the last two renders with all that they refer to.
 */
export function usePresence<State, Settings>(
  presence: Presence<State, Settings>,
  state: State,
  settings: Settings,
  render: (state: State) => void,
): void {
  useInsertionEffect(() => {
    presence.mount()
    presence.commit(state, settings, render)
    return () => presence.unmount()
  })

  useEffect(() => presence.refresh())

  useEffect(() => {
    presence.appear()
    return () => presence.disappear()
    // oxlint-disable-next-line react/exhaustive-deps -- the same in every render
  }, ONCE)
}
