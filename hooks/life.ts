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
import { afterFunc, cause, Navigated, PageHidden, rearm } from '../src/index.ts'
import { withCancel, withLink, withPage, withRoute } from '../src/index.ts'
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

/**
 * What ends when another life has taken the place of the one that `ctx` has ended with, or when that will never be;
 * undefined if there is nothing to wait for.
 */
export function renewal(ctx: Context | undefined): Context | undefined {
  const life = ctx && lives.get(ctx)
  return life && (life.renewal() ?? renewal(life.parent))
}

/** The context of a component, from before it is there until after it has gone. */
interface Life {
  readonly parent: Context
  readonly ctx: Context
  readonly cancel: Cancel
  /** Both, always in the same array. */
  readonly pair: [ctx: Context, cancel: Cancel]
  /** Ends it and begins another: at the next commit, but who asks for {@link renewal} knows at once. */
  readonly renew: () => void
  /** While its effects are on. */
  isAttached: boolean
  /** What has ended it, if that passes: there can be another life. What the parent ended, the parent has to replace. */
  passing(): unknown
  /** See {@link renewal}: of this one alone. */
  renewal(): Context | undefined
  /** Ends it, though not for ever. */
  pause(why: Error): void
  /** Ends it: another one has taken its place, or none will. */
  close(why: Error): void
  /** Arms it once, and takes over the latest limits. Whether there is a route, and whose, is for ever. */
  arm(latest?: Limits): void
}

function createLife(parent: Context, label: string | undefined, limits: Limits, replace: () => void): Life {
  const [ctx, end, link] = withLink(parent, { label })
  let isArmed = false
  /** Whoever cancels it has the last word, whatever the cause. */
  let isFinal = false
  let isRenewed = false
  let awaited: [ctx: Context, cancel: Cancel] | undefined
  /** In the form of numbers. */
  let applied: readonly number[] = []

  // Disposes as `end` does.
  const cancel = Object.assign((cause?: unknown) => {
    isFinal = true
    end(reasonOf(cause))
  }, end)

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
    isAttached: false,
    renew() {
      if (isRenewed) return
      isRenewed = true
      end(Superseded)
      replace()
    },
    passing() {
      const why = cause(ctx)
      const passes = isRenewed || (!isFinal && (why === Hidden || why === PageHidden || why === Navigated))
      return passes && !parent.err && why
    },
    renewal() {
      if (!life.passing()) return undefined
      awaited ??= withCancel(parent)
      return awaited[0]
    },
    pause: end,
    close(why) {
      lives.delete(ctx)
      end(why)
      awaited?.[1]()
    },
    arm(latest) {
      if (isArmed && !latest) return
      limits = latest ?? limits
      if (!isArmed) {
        isArmed = true
        linkUp()
      }
      const { times = [] } = limits
      const latestTimes = times.map(Number)
      // Only what is new: who has moved the deadline by hand meant it.
      if (sameItems(latestTimes, applied) || ctx.err !== undefined) return
      applied = latestTimes
      rearm(ctx, ...times)
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
  const [count, replace] = useReducer(increment, 0)
  const [left, leave] = useReducer(increment, 0)
  // Inert: if React drops the memo, the effect below ends the old life and arms the new one. Limits move without it.
  const life = useMemo(
    () => createLife(parent, options.label, limits, replace),
    // oxlint-disable-next-line react/exhaustive-deps -- what is not named holds for the life it came with, or moves
    [parent, key, count, route?.source, !route],
  )
  /** The life of the latest commit; undefined once the component is unmounted. */
  const committed = useRef<Life>(undefined)

  useInsertionEffect(() => {
    committed.current = life
    return () => {
      committed.current = undefined
      // For what was never shown, and yet armed by a context below; all else ends by the effect's clean-up.
      queueMicrotask(() => committed.current ?? life.close(Unmounted))
    }
  }, [life])

  useEffect(() => life.arm(limits))

  // Deferred, so that the router's update comes first, transition or not: it may remove the component, or renew it.
  const arrived = useDeferredValue(left)
  useEffect(() => {
    life.isAttached = true
    let stop: (() => unknown) | undefined
    // Ended while it was not shown, and shown again: at once, so that nobody sees the end.
    if (life.passing()) life.renew()
    else {
      stop = afterFunc(life.ctx, () => {
        const why = life.isAttached && life.passing()
        // A page that is left must not begin anew; one that comes back does.
        if (why === PageHidden) globalThis.addEventListener('pageshow', life.renew)
        else if (why === Navigated) leave()
        else if (why) life.renew()
      })
    }
    return () => {
      stop?.()
      globalThis.removeEventListener?.('pageshow', life.renew)
      life.isAttached = false
      const { current } = committed
      if (!current) life.close(Unmounted)
      else if (current !== life) life.close(Superseded)
      else {
        queueMicrotask(() => {
          if (life.isAttached) return
          if (committed.current) life.pause(Hidden)
          else life.close(Unmounted)
        })
      }
    }
  }, [life, arrived])

  return life
}

/** Compares as React compares dependencies. */
export function sameItems(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((item, index) => Object.is(item, other[index]))
}

function increment(count: number): number {
  return count + 1
}
