/**
 * State that changes by itself, shown by a component while that is shown. Not a `useSyncExternalStore`, which was
 * tried: it renders synchronously, so outcomes cannot be shown in a transition, a reset right after a cancel shows the
 * cancel that is already over, and deps that really change at two hundred commits in a row are taken for an endless
 * loop.
 */

import { startTransition } from 'react'
import { Presence } from './presence.ts'

export abstract class Publisher<S extends { readonly status: string }> extends Presence {
  /** Another object after every change. */
  state!: S
  /** What the latest commit shows. */
  #rendered: S | undefined
  #render: ((state: S) => void) | undefined
  /** Whether outcomes are shown in a transition. */
  protected abstract readonly usesTransition: boolean

  /** Takes over that `state` was rendered, and `render`, which has React render another one. */
  commit(state: S, render: (state: S) => void): void {
    this.#rendered = state
    this.#render = render
  }

  protected publish(state: S): void {
    this.state = state
    if (this.isShown) this.tell()
  }

  /** Shows the state. What is held back by `whenReady` is shown later, unless there is something newer then. */
  protected tell(): void {
    const { state } = this
    const show = () => {
      if (this.isShown && this.state === state) this.#render?.(state)
    }
    this.whenReady(state, () => {
      if (state.status !== 'pending') return this.usesTransition ? startTransition(show) : show()
      show()
      // Once more outside of the action that may have started it: React shows what is set there when that is over.
      queueMicrotask(() => this.#rendered === state || show())
    })
  }

  /** Calls `tell` when `state` may be shown. */
  protected whenReady(_: S, tell: () => void): void {
    tell()
  }
}
