/**
 * Lives: the contexts of components. Rendering makes only an inert one, which holds nothing and is held by nothing, so
 * a render that is thrown away leaves nothing. `arm` links it: from then on it ends with its parent, with the page,
 * with its route, by its own limit and by `cancel`. React is not needed here.
 *
 * A life never revives. One that ends in passing (its component was hidden, the route changed, the page was left) or is
 * reset gets a successor, `next`, which is made at once and shown later. While a successor waits, the end is not final:
 * whatever shows the end of a context asks {@link whenFinal} first.
 */

import { lifetimeOf, rearmFromStart, withLink } from '../src/bindings.ts'
import { afterFunc, cause, Navigated, PageHidden, withCancel, withPage } from '../src/index.ts'
import type { Cancel, Context, RouteOptions } from '../src/index.ts'
import { Hidden, reasonOf, Superseded, Unmounted } from './causes.ts'
import { sameItems } from './deps.ts'
import { Presence } from './presence.ts'

/** Derives a context that ends with something besides `parent`, as the latest settings of `lives` say. */
type Follow = (parent: Context, lives: Lives) => [ctx: Context, cancel: Cancel]

/** What holds for all lives of a component, as its latest render says. */
export interface LifeSettings {
  /** The hook or component, for `toString()` of the context. */
  readonly kind: string
  readonly label: string | undefined
  /** When a life ends at the latest: a Date, or milliseconds from when it is armed. */
  readonly times: readonly (number | Date)[]
  /** What a life follows besides its parent and the page; holds for the life that it came with. */
  readonly follow?: Follow | undefined
  readonly route?: RouteOptions | undefined
}

/** What stands behind a lifetime that a hook has made. */
export interface Owned {
  readonly parent: Context
  /** What the component keeps while lives come and go; counts what is under way below it. */
  readonly lives: object
  /** Links the lifetime to what is above it. May be called again. */
  arm(): void
  /** Ends with the wait for a successor; undefined if none will come. */
  renewal?(): Context | undefined
}

/** By their lifetimes: a view that differs in values has the same owner. */
const owners = /* @__PURE__ */ new WeakMap<object, Owned>()

export function own(ctx: Context, owner: Owned): void {
  owners.set(lifetimeOf(ctx), owner)
}

export function ownerOf(ctx: Context): Owned | undefined {
  return owners.get(lifetimeOf(ctx))
}

/** Cancels that need no call, since their contexts end with what is above them. */
const spare = /* @__PURE__ */ new WeakMap<Context, Cancel>()

/** Keeps `cancel` for as long as `ctx`: one that is collected before its context ends looks lost to an inspector. */
function keep(ctx: Context, cancel: Cancel): void {
  spare.set(ctx, cancel)
}

/** Links `ctx` to what is above it if a hook has made it: effects run children first, and work needs its parents. */
export function arm(ctx: Context): Context {
  ownerOf(ctx)?.arm()
  return ctx
}

/** Calls `tell` when the end of `ctx` is final: now, unless a successor of `ctx` or of a life above it waits. */
export function whenFinal(ctx: Context, tell: () => void): () => void {
  const wait = renewalOf(ctx)
  if (!wait) {
    tell()
    return ignore
  }
  let stop: () => unknown = afterFunc(wait, () => {
    stop = whenFinal(ctx, tell)
  })
  return () => void stop()
}

function renewalOf(ctx: Context): Context | undefined {
  const owner = ownerOf(ctx)
  // What a parent ended, the parent has to replace.
  return owner && (owner.renewal?.() ?? renewalOf(owner.parent))
}

/** The context of a component from before it is mounted until it is unmounted, or until a successor takes its base. */
export class Life implements Owned {
  readonly lives: Lives
  readonly parent: Context
  readonly key: unknown
  readonly ctx: Context
  /** Ends `ctx`, with whatever cause. */
  readonly end: Cancel
  next: Life | undefined
  /** A user has canceled it while it lived: neither time nor being shown again renews it. */
  isCanceled = false
  isClosed = false
  readonly #link: (target?: Context) => void
  /** Ends with the parent, the page and the route, but not with `ctx`; undefined until armed. */
  #base: Context | undefined
  /** Ends the part of the base that is its own, and so `ctx`. */
  #release: Cancel
  #times: readonly number[] = []
  #wait: [ctx: Context, cancel: Cancel] | undefined

  constructor(lives: Lives, parent: Context, key: unknown) {
    const [ctx, end, link] = withLink(parent, lives.settings)
    this.lives = lives
    this.parent = parent
    this.key = key
    this.ctx = ctx
    this.end = this.#release = end
    this.#link = link
    own(ctx, this)
  }

  arm(): void {
    if (this.#base) return
    const { lives, parent } = this
    const above = ownerOf(parent)
    let base = (this.#base = parent)
    const follow = ([ctx, cancel]: [ctx: Context, cancel: Cancel]) => {
      if (base === parent) this.#release = cancel
      else keep(ctx, cancel)
      this.#base = base = ctx
    }
    // A life above follows the page already.
    if (above) above.arm()
    else follow(withPage(base))
    const { follow: derive } = lives.settings
    if (derive) follow(derive(base, lives))
    if (base !== parent) afterFunc(base, () => lives.baseEnded(this))
    this.#link(base)
    this.move()
  }

  /** Whether it is the life to render with. */
  serves(lifetime: object, key: unknown): boolean {
    return !this.isClosed && lifetimeOf(this.parent) === lifetime && Object.is(this.key, key)
  }

  /** Takes over the latest times. A deadline that was moved by hand stays until they change. */
  move(): void {
    const { times } = this.lives.settings
    const latest = times.map(Number)
    if (sameItems(latest, this.#times) || this.ctx.err !== undefined) return
    this.#times = latest
    rearmFromStart(this.ctx, ...times)
  }

  /** Why the base ended, if the page or the route did it: the parent lives. */
  get baseCause(): unknown {
    return this.#base && this.#base !== this.parent && !this.parent.err ? cause(this.#base) : undefined
  }

  /** The successor; made here if this life has ended in passing. */
  successor(): Life | undefined {
    const { ctx, lives, parent } = this
    if (!this.next && lives.life === this && ctx.err !== undefined && !parent.err) {
      const why = cause(ctx)
      const isPassing = !this.isCanceled && (why === Hidden || why === PageHidden)
      if (isPassing || this.baseCause === Navigated) this.replace()
    }
    return this.next
  }

  /** Makes its successor. */
  replace(): void {
    this.next = this.lives.life = new Life(this.lives, this.parent, this.key)
  }

  renewal(): Context | undefined {
    if (this.isClosed || this.parent.err || !this.successor()) return undefined
    return (this.#wait ??= withCancel(this.parent))[0]
  }

  /** Ends it for good: its successor is shown, or none will be. */
  close(why: Error): void {
    this.isClosed = true
    this.end(why)
    this.#release(why)
    this.#wait?.[1]()
  }
}

/** The lives of one component, one after the other. */
export class Lives extends Presence {
  settings: LifeSettings
  /** The newest life; `shown` until that has a successor. */
  life: Life
  /** The life of the latest commit. */
  shown: Life | undefined
  /** Has React render with another life. */
  #install: (life: Life) => void = ignore
  /** Has React call `renew` after the router's own update. */
  #scheduleRenewal: () => void = ignore
  /** Cancels the newest life; from any render, the component is meant. */
  readonly cancel: Cancel
  /** Ends the life, if it has not ended, and begins another at the next commit. */
  readonly reset: () => void
  /** The life that effects have armed; closed in an effect, outside of React's commit. */
  #attached: Life | undefined
  #wasHidden = false
  #isTabHidden = false
  readonly #renew = (): void => this.renew()

  constructor(settings: LifeSettings, parent: Context, key: unknown) {
    super()
    this.settings = settings
    this.life = new Life(this, parent, key)
    const cancel = (cause?: unknown) => {
      const life = this.life.successor() ?? this.life
      if (life.ctx.err === undefined) life.isCanceled = true
      life.end(reasonOf(cause))
    }
    // Disposes as the cancel of the life does.
    this.cancel = Object.assign(cancel, disposal(cancel, this.life.end))
    this.reset = () => {
      if (!this.isMounted) return
      const before = this.life
      before.replace()
      before.end(Superseded)
      this.renew()
    }
  }

  /** What a render says, as soon as it is committed. `install` has React render with another life. */
  commit(life: Life, settings: LifeSettings, install: (life: Life) => void): void {
    const before = this.shown
    this.settings = settings
    this.#install = install
    if (life === before) return
    this.shown = life
    // A successor of the life that is shown now may wait already.
    if (this.life !== life.next) this.life = life
    if (before && before !== this.#attached) queueMicrotask(() => before.close(Superseded))
  }

  protected override update(): void {
    const { shown } = this
    if (this.#attached !== shown) this.#attached?.close(Superseded)
    this.#attached = shown
    shown?.arm()
    shown?.move()
  }

  protected override show(): void {
    if (!this.isShown) return
    const { life } = this
    const wasHidden = this.#wasHidden
    this.#wasHidden = false
    if (wasHidden && life.ctx.err !== undefined && !life.isCanceled && !life.parent.err) life.replace()
    this.renew()
  }

  protected override pause(): void {
    globalThis.removeEventListener?.('pageshow', this.#renew)
  }

  protected override leave(why: Error): void {
    const { life, shown } = this
    if (why === Unmounted) {
      shown?.close(Unmounted)
      life.close(Unmounted)
    } else {
      this.#wasHidden = true
      life.end(why)
    }
  }

  /** For a life that is hidden, or was never shown, and yet armed by a context below it: no effect is left to close it. */
  protected override drop(): void {
    if (this.isShown) return
    queueMicrotask(() => {
      if (!this.isMounted) this.leave(Unmounted)
    })
  }

  /** The tab was hidden or shown, for components that stop meanwhile. */
  setTabHidden(isTabHidden: boolean): void {
    if (isTabHidden === this.#isTabHidden) return
    this.#isTabHidden = isTabHidden
    if (isTabHidden) this.leave(Hidden)
    else this.show()
  }

  /** What has React call `renew` after the router's own update. */
  onRouteEnd(scheduleRenewal: () => void): void {
    this.#scheduleRenewal = scheduleRenewal
  }

  /** The page or the route of `life` has ended. */
  baseEnded(life: Life): void {
    if (life !== this.shown || !this.isShown) return
    if (!life.isCanceled || life.baseCause === Navigated) this.#prepareSuccessor(life)
  }

  #prepareSuccessor(life: Life): void {
    if (!life.successor() && !life.parent.err) life.replace()
    if (!life.next) return
    // A page that is left must not begin again before it comes back.
    if (life.baseCause === PageHidden) globalThis.addEventListener('pageshow', this.#renew)
    else this.#scheduleRenewal()
  }

  /** Shows the newest life, if it waits. */
  renew(): void {
    globalThis.removeEventListener?.('pageshow', this.#renew)
    const life = this.life.successor() ?? this.life
    if (life !== this.shown && this.isMounted && !this.#isTabHidden) this.#install(life)
  }
}

/** The property by which `Disposable` works, wherever `like` has it. */
function disposal(cancel: () => void, like: Cancel): Disposable {
  const [symbol] = Object.getOwnPropertySymbols(like)
  return { [symbol as typeof Symbol.dispose]: cancel } as Disposable
}

function ignore(): void {}
