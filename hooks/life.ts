/**
 * The life of a component as a context. Rendering makes only an inert one: nobody refers to it, so a render that is
 * thrown away leaves nothing. The first effect arms it: from then on it ends with its parent, with the page, by its
 * own limit, and when the component goes.
 *
 * How going is told from the rest: insertion effects are cleaned up only on a real unmount, and before passive
 * effects. So a passive clean-up without that sign is StrictMode, which comes back in the same turn, or a hidden
 * Activity, which does not.
 */

import { useDeferredValue, useEffect, useInsertionEffect, useMemo, useReducer, useRef } from 'react'
import { afterFunc, cause, Navigated, PageHidden, rearm, withLink, withPage, withRoute } from '../src/index.ts'
import type { Cancel, Context, DeriveOptions, RouteOptions } from '../src/index.ts'
import { Hidden, reasonOf, Superseded, Unmounted } from './causes.ts'
import { check } from './misuse.ts'

/** What ends a life besides its component and its parent. */
export interface Limits {
  /** When at the latest, as `rearm` takes it: the milliseconds count from the time it is armed. */
  readonly times?: readonly (number | Date)[]
  /** Ends with the route, too. */
  readonly route?: RouteOptions | undefined
}

/** The life behind each context that a hook has made. */
const lives = new WeakMap<Context, Life>()

/** Says that `ctx` differs from `from` in values only. */
export function share(ctx: Context, from: Context): Context {
  const life = lives.get(from)
  if (life) lives.set(ctx, life)
  return ctx
}

/** Whether `ctx` has ended together with a life that another one follows. */
export function returns(ctx: Context | undefined): boolean {
  const life = ctx && lives.get(ctx)
  return life !== undefined && (!!life.passing() || returns(life.parent))
}

/** The context of a component, from before it is there until after it has gone. */
interface Life {
  readonly parent: Context
  readonly ctx: Context
  readonly cancel: Cancel
  /** Both, always in the same array. */
  readonly pair: [ctx: Context, cancel: Cancel]
  /** Ends it and begins another. */
  readonly renew: () => void
  /** What has ended it, if that passes: there can be another life. What the parent ended, the parent has to replace. */
  passing(): unknown
  /** Arms it once, and takes over the latest limits. Whether there is a route, and whose, is for ever. */
  arm(latest?: Limits): void
}

function createLife(parent: Context, label: string | undefined, limits: Limits, renew: () => void): Life {
  const [ctx, end, link] = withLink(parent, { label })
  // Disposes as `end` does.
  const cancel = Object.assign((cause?: unknown) => end(reasonOf(cause)), end)
  let isArmed = false

  function linkUp(): void {
    let target = parent
    const follow = ([next, release]: [ctx: Context, cancel: Cancel]) => {
      target = next
      afterFunc(ctx, release)
    }
    const above = lives.get(parent)
    // Effects run children first, and a child needs its parent armed; it follows the page through that.
    if (above) above.arm()
    else follow(withPage(target))
    const { route } = limits
    if (route) follow(withRoute(target, { ...route, ignore: (to, from) => limits.route?.ignore?.(to, from) ?? false }))
    link(target)
  }

  const life: Life = {
    parent,
    ctx,
    cancel,
    pair: [ctx, cancel],
    renew,
    passing() {
      const why = cause(ctx)
      return (why === Hidden || why === PageHidden || why === Navigated) && !parent.err && why
    },
    arm(latest) {
      if (isArmed && !latest) return
      limits = latest ?? limits
      if (!isArmed) {
        isArmed = true
        linkUp()
      }
      if (ctx.err === undefined) rearm(ctx, ...(limits.times ?? []))
    },
  }
  lives.set(ctx, life)
  return life
}

/** Binds a life under `parent` to the component. Another parent, or another `key`, is another life. */
export function useLife(parent: Context, options: DeriveOptions, limits: Limits = {}, key?: unknown): Life {
  check(Object(options) === options, 'options', 'an object', options)
  const { route } = limits
  const ignore = route?.ignore
  check(ignore === undefined || typeof ignore === 'function', 'ignore', 'a function', ignore)
  const [count, renew] = useReducer(increment, 0)
  const [left, leave] = useReducer(increment, 0)
  // Inert: if React drops the memo, the effect below ends the old life and arms the new one. Limits move without it.
  const life = useMemo(
    () => createLife(parent, options.label, limits, renew),
    // oxlint-disable-next-line react/exhaustive-deps -- what is not named holds for the life it came with, or moves
    [parent, key, count, route?.source, !route],
  )
  /** The life of the latest commit; undefined once the component is unmounted. */
  const committed = useRef<Life>(undefined)
  /** The life whose effects are on. */
  const attached = useRef<Life>(undefined)

  useInsertionEffect(() => {
    committed.current = life
    return () => {
      committed.current = undefined
      // For what was never shown, and yet armed by a context below; all else ends by the effect's clean-up.
      queueMicrotask(() => committed.current ?? life.cancel(Unmounted))
    }
  }, [life])

  useEffect(() => life.arm(limits))

  // Deferred, so that the router's update comes first, transition or not: it may remove the component, or renew it.
  const arrived = useDeferredValue(left)
  useEffect(() => {
    attached.current = life
    let stop: (() => unknown) | undefined
    // Ended while it was not shown, and shown again: at once, so that nobody sees the end.
    if (life.passing()) renew()
    else {
      stop = afterFunc(life.ctx, () => {
        const why = attached.current === life && life.passing()
        // A page that is left must not begin anew; one that comes back does.
        if (why === PageHidden) globalThis.addEventListener('pageshow', renew)
        else if (why === Navigated) leave()
        else if (why) renew()
      })
    }
    return () => {
      stop?.()
      globalThis.removeEventListener?.('pageshow', renew)
      attached.current = undefined
      const { current } = committed
      if (!current) life.cancel(Unmounted)
      else if (current !== life) life.cancel(Superseded)
      else queueMicrotask(() => attached.current !== life && life.cancel(committed.current ? Hidden : Unmounted))
    }
  }, [life, renew, arrived])

  return life
}

function increment(count: number): number {
  return count + 1
}
