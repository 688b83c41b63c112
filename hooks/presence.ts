/**
 * Whether a component is mounted and shown. Insertion effects are cleaned up on a real unmount only, and before passive
 * effects. So a passive clean-up without that sign is StrictMode, which comes back in the same turn, or a hidden
 * Activity, which does not. Suspending again cleans up neither.
 */

import { useEffect, useInsertionEffect } from 'react'
import { Hidden, Unmounted } from './causes.ts'

/** What lives in a component and follows whether that is shown. */
export abstract class Presence {
  isMounted = false
  isShown = false

  /** Runs after every commit of the component, before `show`. */
  protected abstract update(): void

  /** The component appeared: it was mounted, or it was hidden and is shown again. */
  protected abstract show(): void

  /** The component left: `why` is `Unmounted`, which is final, or `Hidden`. */
  protected abstract leave(why: Error): void

  /** The component may have left, or StrictMode tests it: nothing ends here. */
  protected pause(): void {}

  /** The component was unmounted. Nothing may end before this turn is over: React allows no updates here. */
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
 * Binds `resident` to the component. `commit` takes over what the latest render says: it runs before layout effects and
 * before the effects of children, and must not call foreign code, since React allows no updates there.
 */
export function usePresence(resident: Presence, commit: () => void): void {
  useInsertionEffect(() => {
    resident.mount()
    commit()
    return () => resident.unmount()
  })

  useEffect(() => resident.refresh())

  useEffect(() => {
    resident.appear()
    return () => resident.disappear()
  }, [resident])
}
