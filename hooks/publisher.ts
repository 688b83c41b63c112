/**
 * State that changes outside of React. While its component is shown, the component renders each new state. This does
 * not use `useSyncExternalStore`, because that renders synchronously. With it, outcomes could not be rendered in a
 * transition. A reset right after a cancel would still render the cancel. React would take deps that change in two
 * hundred consecutive commits for an endless loop.
 */

import { startTransition } from 'react'
import { Presence } from './presence.ts'

/** The settings of the latest render. */
interface Settings {
  /** Whether outcomes are rendered in a transition. */
  readonly transition: boolean
}

export abstract class Publisher<S extends { readonly status: string }, X extends Settings> extends Presence<S, X> {
  /** A new object after every change. */
  state!: S
  protected settings: X
  /** The state in the latest commit. */
  #rendered: S | undefined
  #render: ((state: S) => void) | undefined
  /** The state that was last given to React, which keeps each state that it is given until its next render but one. */
  #given: S | undefined

  constructor(settings: X) {
    super()
    this.settings = settings
  }

  commit(state: S, settings: X, render: (state: S) => void): void {
    this.settings = settings
    this.#rendered = state
    this.#render = render
  }

  protected publish(state: S): void {
    this.state = state
    if (this.isShown) this.tell()
  }

  /** Renders the state as soon as `whenReady` allows it, unless there is a newer one by then. */
  protected tell(): void {
    const { isInEffect, state } = this
    if (state === this.#given || state === this.#rendered) return
    const show = () => {
      if (!this.isShown || this.state !== state) return
      this.#given = state
      this.#render?.(state)
    }
    this.whenReady(state, () => {
      if (state.status !== 'pending') return this.settings.transition ? startTransition(show) : show()
      show()
      // Twice, since this may run inside a React action: React renders state that is set there only after the action.
      // Effects run outside of actions.
      if (!isInEffect) queueMicrotask(() => this.#rendered === state || show())
    })
  }

  /** Calls `tell` when `state` may be rendered. */
  protected whenReady(_: S, tell: () => void): void {
    tell()
  }
}
