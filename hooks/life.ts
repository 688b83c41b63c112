/**
 * The life of a component as a context. Rendering makes only an inert one: nobody refers to it, so a render that is
 * thrown away leaves nothing. The first effect arms it: from then on it ends with its parent, with the page, by its
 * own limit, and when the component goes.
 *
 * How going is told from the rest: insertion effects are cleaned up only on a real unmount, and before passive
 * effects. So a passive clean-up without that sign is StrictMode, which comes back in the same turn, or a hidden
 * Activity, which does not.
 */

import { useCallback, useDeferredValue, useEffect, useInsertionEffect, useMemo, useRef, useState } from 'react'
import { afterFunc, cause, Navigated, PageHidden, rearm, withLink, withPage, withRoute } from '../src/index.ts'
import type { Cancel, Context, RouteOptions } from '../src/index.ts'
import { Hidden, Superseded, Unmounted } from './causes.ts'

/** What a life does besides ending with its component. */
export interface LifeOptions {
  readonly label?: string | undefined
  /** Milliseconds from the time it is armed. */
  readonly timeout?: number | undefined
  /** Epoch milliseconds. */
  readonly deadline?: number | undefined
  /** Ends with the route, too. */
  readonly route?: RouteOptions | undefined
}

/** The life behind each context that a hook has made. */
const lives = new WeakMap<Context, Life>()

/** Arms the life behind `ctx`, if there is one. Effects run children first, and a child needs its parent armed. */
function armed(ctx: Context): Context {
  lives.get(ctx)?.arm()
  return ctx
}

/** Says that `ctx` differs from `from` in values only. */
export function share(ctx: Context, from: Context): Context {
  const life = lives.get(from)
  if (life) lives.set(ctx, life)
  return ctx
}

/** Whether `ctx` has ended together with a life that another one follows. */
export function returns(ctx: Context): boolean {
  const life = lives.get(ctx)
  return life !== undefined && (life.isRenewable || returns(life.parent))
}

export class Life {
  readonly parent: Context
  readonly ctx: Context
  readonly cancel: Cancel
  readonly #link: (target: Context) => void
  readonly #route: RouteOptions | undefined
  #timeout: number | undefined
  #deadline: number | undefined
  #isArmed = false
  #release: Cancel | undefined

  constructor(parent: Context, { label, timeout, deadline, route }: LifeOptions) {
    ;[this.ctx, this.cancel, this.#link] = withLink(parent, { label })
    this.parent = parent
    this.#timeout = timeout
    this.#deadline = deadline
    this.#route = route
    lives.set(this.ctx, this)
  }

  /** Ended by something that passes: there can be another life. What the parent ended, the parent has to replace. */
  get isRenewable(): boolean {
    const why = cause(this.ctx)
    return (why === Hidden || why === PageHidden || why === Navigated) && this.parent.err === undefined
  }

  arm(): void {
    if (this.#isArmed) return
    this.#isArmed = true
    let target = armed(this.parent)
    // Who has a life for a parent follows the page through that.
    if (!lives.has(target)) [target, this.#release] = withPage(target)
    if (this.#route) {
      const [routed, cancel] = withRoute(target, this.#route)
      target = routed
      this.#release ??= cancel
    }
    this.#link(target)
    afterFunc(this.ctx, () => this.#release?.())
    this.#move()
  }

  limit(timeout: number | undefined, deadline: number | undefined): void {
    if (timeout === this.#timeout && deadline === this.#deadline) return
    this.#timeout = timeout
    this.#deadline = deadline
    if (this.#isArmed) this.#move()
  }

  #move(): void {
    if (this.ctx.err !== undefined) return
    const limits: (number | Date)[] = [this.#timeout ?? Infinity]
    const at = new Date(Math.max(this.#deadline ?? Infinity, 0))
    // Later than any Date is never.
    if (!Number.isNaN(at.getTime())) limits.push(at)
    rearm(this.ctx, ...limits)
  }
}

interface Mount {
  isUnmounted: boolean
  /** The life of the latest commit. */
  committed: Life | undefined
  /** The life whose effects are on. */
  attached: Life | undefined
}

/** A component's life. */
export interface Lived {
  readonly life: Life
  /** Ends this life and begins another. */
  readonly renew: () => void
}

/** Binds a life under `parent` to the component. Another parent, or another `key`, is another life. */
export function useLife(parent: Context, options: LifeOptions, key?: unknown): Lived {
  const { timeout, deadline, route } = options
  checkMilliseconds('timeout', timeout)
  checkMilliseconds('deadline', deadline)
  const [count, setCount] = useState(0)
  const [left, setLeft] = useState(0)
  // Inert: if React drops the memo, the effect below ends the old life and arms the new one. Limits move without it.
  const life = useMemo(
    () => new Life(parent, options),
    // oxlint-disable-next-line react/exhaustive-deps -- label and route hold for the life they came with
    [parent, key, count, route?.source, route?.ignore, !route],
  )
  const renew = useCallback(() => setCount((count) => count + 1), [])
  const mount = useRef<Mount>({ isUnmounted: false, committed: undefined, attached: undefined })

  useInsertionEffect(() => {
    const { current } = mount
    current.isUnmounted = false
    return () => {
      current.isUnmounted = true
      // For what was never shown, and yet armed by a context below; all else ends by the effect's clean-up.
      queueMicrotask(() => current.isUnmounted && current.committed?.cancel(Unmounted))
    }
  }, [])

  useInsertionEffect(() => {
    mount.current.committed = life
  }, [life])

  useEffect(() => {
    const { current: now } = mount
    now.attached = life
    life.arm()
    let stop: (() => unknown) | undefined
    // Ended while it was not shown, and shown again: at once, so that nobody sees the end.
    if (life.isRenewable) renew()
    else {
      stop = afterFunc(life.ctx, () => {
        if (now.attached !== life || !life.isRenewable) return
        const why = cause(life.ctx)
        // A page that is left must not begin anew; one that comes back does.
        if (why === PageHidden) globalThis.addEventListener('pageshow', renew, { once: true })
        else if (why === Navigated) setLeft((left) => left + 1)
        else renew()
      })
    }
    return () => {
      stop?.()
      globalThis.removeEventListener?.('pageshow', renew)
      now.attached = undefined
      if (now.isUnmounted) life.cancel(Unmounted)
      else if (now.committed !== life) life.cancel(Superseded)
      else queueMicrotask(() => now.attached !== life && life.cancel(now.isUnmounted ? Unmounted : Hidden))
    }
  }, [life, renew])

  // Deferred, so that the router's update comes first, transition or not: it may remove the component, or renew it.
  const arrived = useDeferredValue(left)
  useEffect(() => {
    if (arrived > 0 && life.isRenewable) renew()
  }, [arrived, life, renew])

  useEffect(() => life.limit(timeout, deadline), [life, timeout, deadline])

  return { life, renew }
}

export function checkMilliseconds(name: string, value: unknown): void {
  if (value === undefined || (typeof value === 'number' && !Number.isNaN(value))) return
  const shown = typeof value === 'string' ? JSON.stringify(value) : String(value)
  throw new TypeError(`rescind: ${name} must be a number of milliseconds, got ${shown}`)
}
