/**
 * The life of a component as a context. Rendering makes only an inert one: nobody refers to it, so a render that is
 * thrown away leaves nothing. The first effect arms it: from then on it ends with its parent, with the page, by its
 * own limit, and when the component goes.
 *
 * How going is told from the rest: insertion effects are cleaned up only on a real unmount, and before passive
 * effects. So a passive clean-up without that sign is StrictMode, which comes back in the same turn, or a hidden
 * Activity, which does not.
 */

import { useCallback, useEffect, useInsertionEffect, useMemo, useRef, useState } from 'react'
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
export function armed(ctx: Context): Context {
  lives.get(ctx)?.arm()
  return ctx
}

/** Says that `ctx` differs from `from` in values only. */
export function share(ctx: Context, from: Context): Context {
  const life = lives.get(from)
  if (life) lives.set(ctx, life)
  return ctx
}

/** Calls `listener` when a deadline that holds for `ctx` was moved, until the returned function is called. */
export function onMove(ctx: Context, listener: () => void): () => void {
  const above: Life[] = []
  for (let life = lives.get(ctx); life; life = lives.get(life.parent)) above.push(life)
  for (const { moved } of above) moved.add(listener)
  return () => above.forEach(({ moved }) => moved.delete(listener))
}

export class Life {
  readonly parent: Context
  readonly ctx: Context
  readonly cancel: Cancel
  readonly moved: Set<() => void> = new Set()
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

  end(why: Error): void {
    this.cancel(why)
    this.#release?.()
  }

  #move(): void {
    const { ctx } = this
    if (ctx.err !== undefined) return
    const deadline = this.#deadline ?? Infinity
    rearm(ctx, this.#timeout ?? Infinity)
    if (deadline < (ctx.deadline ?? Infinity)) rearm(ctx, new Date(deadline))
    for (const listener of this.moved) listener()
  }
}

interface Mount {
  isUnmounted: boolean
  /** The life of the latest commit. */
  committed: Life | undefined
  /** The life whose effects are on. */
  attached: Life | undefined
  /** How often the component was mounted, or had its code replaced. */
  edition: number
}

/** A component's life, and what the hooks need to know of its mount. */
export interface Lived {
  readonly life: Life
  readonly mount: { readonly current: { readonly edition: number } }
  /** Ends this life and begins another. */
  readonly renew: () => void
}

/** Binds a life under `parent` to the component. Another parent, or another `key`, is another life. */
export function useLife(parent: Context, options: LifeOptions, key?: unknown): Lived {
  const { timeout, deadline, route } = options
  checkMilliseconds('timeout', timeout)
  checkMilliseconds('deadline', deadline)
  const [count, setCount] = useState(0)
  // Inert: if React drops the memo, the effect below ends the old life and arms the new one. Limits move without it.
  // oxlint-disable-next-line react/exhaustive-deps -- label and route hold for the life they came with
  const life = useMemo(() => new Life(parent, options), [parent, key, count, route?.source, route?.ignore, !route])
  const renew = useCallback(() => setCount((count) => count + 1), [])
  const mount = useRef<Mount>({ isUnmounted: false, committed: undefined, attached: undefined, edition: 0 })

  useInsertionEffect(() => {
    const { current } = mount
    current.isUnmounted = false
    current.edition++
    return () => {
      current.isUnmounted = true
    }
  }, [])

  useInsertionEffect(() => {
    mount.current.committed = life
  }, [life])

  useEffect(() => {
    const { current: now } = mount
    now.attached = life
    life.arm()
    const stop = afterFunc(life.ctx, () => {
      if (!life.isRenewable) return
      // A page that is left must not begin anew; one that comes back does.
      if (cause(life.ctx) === PageHidden) globalThis.addEventListener('pageshow', renew, { once: true })
      else renew()
    })
    return () => {
      stop()
      globalThis.removeEventListener?.('pageshow', renew)
      now.attached = undefined
      if (now.isUnmounted) life.end(Unmounted)
      else if (now.committed !== life) life.end(Superseded)
      else queueMicrotask(() => now.attached !== life && life.end(now.isUnmounted ? Unmounted : Hidden))
    }
  }, [life, renew])

  useEffect(() => life.limit(timeout, deadline), [life, timeout, deadline])

  return { life, mount, renew }
}

export function checkMilliseconds(name: string, value: unknown): void {
  if (value === undefined || (typeof value === 'number' && !Number.isNaN(value))) return
  const shown = typeof value === 'string' ? JSON.stringify(value) : String(value)
  throw new TypeError(`rescind: ${name} must be a number of milliseconds, got ${shown}`)
}
