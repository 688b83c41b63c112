/**
 * The life of a component as a context. Rendering makes only an inert one: nobody refers to it, so a render that is
 * thrown away leaves nothing. The first effect arms it: from then on it ends with its parent, with the page, by its
 * own limit, and when the component goes.
 *
 * How going is told from the rest: insertion effects are cleaned up only on a real unmount, and before passive
 * effects. So a passive clean-up without that sign is StrictMode, which comes back in the same turn, or a hidden
 * Activity, which does not.
 */

import { useCallback, useDeferredValue, useEffect, useInsertionEffect } from 'react'
import { useMemo, useReducer, useRef, useState } from 'react'
import { rearmFromStart, withLink } from '../src/bindings.ts'
import { afterFunc, cause, Navigated, PageHidden, withCancel, withPage, withRoute } from '../src/index.ts'
import type { Cancel, Context, DeriveOptions, RouteOptions } from '../src/index.ts'
import { Hidden, reasonOf, Superseded, Unmounted } from './causes.ts'
import { sameItems } from './deps.ts'
import { check } from './misuse.ts'

/** What ends a life besides its component and its parent. */
export interface Limits {
  /** When at the latest, as `rearmFromStart` takes it: the milliseconds count from the time it is armed. */
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
  return ctx && lives.get(ctx)?.renewal()
}

/** The context of a component, from before it is there until after it has gone. */
interface Life {
  readonly parent: Context
  readonly ctx: Context
  readonly cancel: Cancel
  /** Both, always in the same array. */
  readonly pair: [ctx: Context, cancel: Cancel]
  /** Ends it, and begins another at the next commit. */
  readonly renew: () => void
  /** Renews whatever life the component has by then. */
  readonly reset: () => void
  /** While its effects are on. */
  isAttached: boolean
  /** What has ended it, if that passes: there can be another life. What the parent ended, the parent has to replace. */
  passing(): unknown
  /** See the function of that name. */
  renewal(): Context | undefined
  /** Ends it, though not for ever. */
  pause(why: Error): void
  /** Ends it: another one has taken its place, or none will. */
  close(why: Error): void
  /** Arms it once, and takes over the latest limits. Whether there is a route, and whose, is for ever. */
  arm(latest?: Limits): void
}

/** @param replace begins another; called again, it is the same one */
function createLife(
  parent: Context,
  label: string | undefined,
  limits: Limits,
  replace: () => void,
  reset: () => void,
): Life {
  const [ctx, end, link] = withLink(parent, { label })
  let isArmed = false
  /** Whoever cancels it has the last word, whatever the cause. */
  let isFinal = false
  let isRenewed = false
  /** Whoever shares it, as values do, may stay when it is over. */
  let isClosed = false
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
    reset,
    renew() {
      isRenewed = true
      end(Superseded)
      replace()
    },
    passing() {
      const why = cause(ctx)
      const passes = isRenewed || (!isFinal && (why === Hidden || why === PageHidden || why === Navigated))
      return passes && !isClosed && !parent.err && why
    },
    renewal() {
      const above = life.passing() ? parent : renewal(parent)
      if (above && awaited?.[0].err !== undefined) awaited = undefined
      return above && (awaited ??= withCancel(above))[0]
    },
    pause: end,
    close(why) {
      isClosed = true
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
      rearmFromStart(ctx, ...times)
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
  /** Set, not increased: whoever asks for another life twice gets one. */
  const [count, setCount] = useState(0)
  /** The life of the latest commit; undefined once the component is unmounted. */
  const committed = useRef<Life>(undefined)
  const reset = useCallback(() => committed.current?.renew(), [])
  const [left, leave] = useReducer(increment, 0)
  // Inert: if React drops the memo, the effect below ends the old life and arms the new one. Limits move without it.
  const life = useMemo(
    () => createLife(parent, options.label, limits, () => setCount(count + 1), reset),
    // oxlint-disable-next-line react/exhaustive-deps -- what is not named holds for the life it came with, or moves
    [parent, key, count, route?.source, !route],
  )

  useInsertionEffect(() => {
    committed.current = life
    return () => {
      committed.current = undefined
      // For what was never shown, and yet armed by a context below, and for what another has replaced while it was
      // hidden; all else ends by the effect's clean-up.
      queueMicrotask(() => {
        if (committed.current !== life && !life.isAttached) life.close(committed.current ? Superseded : Unmounted)
      })
    }
  }, [life])

  useEffect(() => life.arm(limits))

  // Deferred, so that the router's update comes first, transition or not: it may remove the component, or renew it. In
  // no transition of its own, which would wait for all actions that are under way.
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

function increment(count: number): number {
  return count + 1
}
