/**
 * Lives: the contexts of components. A render only makes an inert life: it retains nothing and nothing retains it, so a
 * render that React discards leaves nothing behind. `arm` links the life. From then on it ends with its parent, with
 * the page, with its route, at its own deadline and by `cancel`. This file does not need React.
 *
 * A life never restarts. If it is reset, or ends because its component was hidden, the route changed or the page was
 * left, it gets a successor, `next`, which is made at once and rendered later. While a successor waits, the end is not
 * final: code that shows the end of a context must ask {@link whenFinal} first.
 */

import { lifetimeOf, rearmFromStart, withLink } from '../src/bindings.ts'
import { afterFunc, cause, Navigated, PageHidden, withCancel, withPage } from '../src/index.ts'
import type { Cancel, Context, RouteOptions } from '../src/index.ts'
import { Hidden, reasonOf, Superseded, Unmounted } from './causes.ts'
import { sameItems } from './deps.ts'
import { Presence } from './presence.ts'

/** Derives a context from `parent` that also ends with something else, according to the latest settings of `lives`. */
type Follow = (parent: Context, lives: Lives) => [ctx: Context, cancel: Cancel]

/** The settings of a component's lives, from its latest render. */
export interface LifeSettings {
  /** The name of the hook or component, for `toString()` of the context. */
  readonly kind: string
  readonly label: string | undefined
  /** The limits of a life, of which the earliest counts: a Date, or milliseconds from when the life is armed. */
  readonly times: readonly (number | Date)[]
  /** What a life follows besides its parent and the page; read once, when the life is armed. */
  readonly follow?: Follow | undefined
  readonly route?: RouteOptions | undefined
}

/** The owner of a lifetime that a hook has made. */
export interface Owned {
  readonly parent: Context
  /** The same object for all lives of a component: runs are counted by it. */
  readonly lives: object
  /** Links the lifetime to its parent. Idempotent. */
  arm(): void
  /** Returns a context that ends when the wait for a successor is over; undefined if no successor will come. */
  renewal?(): Context | undefined
}

/** Owners by lifetime: contexts that differ only in values have the same owner. */
const owners = /* @__PURE__ */ new WeakMap<object, Owned>()

export function own(ctx: Context, owner: Owned): void {
  owners.set(lifetimeOf(ctx), owner)
}

export function ownerOf(ctx: Context): Owned | undefined {
  return owners.get(lifetimeOf(ctx))
}

/** Cancel functions that are never called, since their contexts end with their parents. */
const spare = /* @__PURE__ */ new WeakMap<Context, Cancel>()

/** Retains `cancel` as long as `ctx`: an inspector warns of a cancel that is collected before its context ends. */
function keep(ctx: Context, cancel: Cancel): void {
  spare.set(ctx, cancel)
}

/** Links `ctx` to its parents if a hook has made it: effects of children run first, and work needs its parents. */
export function arm(ctx: Context): Context {
  ownerOf(ctx)?.arm()
  return ctx
}

/** Calls `tell` when the end of `ctx` is final: at once, unless a successor of `ctx` or of a life above it waits. */
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
  // A life that ended with its parent is replaced when the parent is.
  return owner && (owner.renewal?.() ?? renewalOf(owner.parent))
}

/** The context of a component, from before the mount until the unmount or until a successor replaces it. */
export class Life implements Owned {
  readonly lives: Lives
  readonly parent: Context
  readonly key: unknown
  readonly ctx: Context
  /** Ends `ctx` with any cause. */
  readonly end: Cancel
  next: Life | undefined
  /** True if `cancel` ended it: then it is not renewed when the component is shown again. */
  isCanceled = false
  isClosed = false
  readonly #link: (target?: Context) => void
  /** The context to which `ctx` is linked. It ends with the parent, the page and the route; undefined until armed. */
  #base: Context | undefined
  /** Ends the part of the base that belongs to this life, and so ends `ctx`. */
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
    // A life above already follows the page.
    if (above) above.arm()
    else follow(withPage(base))
    const { follow: derive } = lives.settings
    if (derive) follow(derive(base, lives))
    if (base !== parent) afterFunc(base, () => lives.baseEnded(this))
    this.#link(base)
    this.move()
  }

  /** Whether a render with these can keep this life. */
  serves(lifetime: object, key: unknown): boolean {
    return !this.isClosed && lifetimeOf(this.parent) === lifetime && Object.is(this.key, key)
  }

  /** Applies the latest times. A deadline that was moved by `rearm` stays until they change. */
  move(): void {
    const { times } = this.lives.settings
    const latest = times.map(Number)
    if (sameItems(latest, this.#times) || this.ctx.err !== undefined) return
    this.#times = latest
    rearmFromStart(this.ctx, ...times)
  }

  /** Why the base ended; undefined if it lives. */
  get baseCause(): unknown {
    return this.#base && cause(this.#base)
  }

  /** The successor. Made here if a hidden component, a new route or a page that was left has ended this life. */
  successor(): Life | undefined {
    const { ctx, lives, parent } = this
    if (!this.next && lives.life === this && !parent.err) {
      const why = cause(ctx)
      const isTemporary = !this.isCanceled && (why === Hidden || why === PageHidden)
      if (isTemporary || this.baseCause === Navigated) this.replace()
    }
    return this.next
  }

  /** Makes the successor. */
  replace(): void {
    this.next = this.lives.life = new Life(this.lives, this.parent, this.key)
  }

  renewal(): Context | undefined {
    if (this.isClosed || this.parent.err || !this.successor()) return undefined
    return (this.#wait ??= withCancel(this.parent))[0]
  }

  /** Ends it permanently: its successor was rendered, or none will be. */
  close(why: Error): void {
    this.isClosed = true
    this.end(why)
    this.#release(why)
    this.#wait?.[1]()
  }
}

/** The successive lives of one component. */
export class Lives extends Presence<Life, LifeSettings> {
  settings: LifeSettings
  /** The newest life. The same as `shown`, unless a successor waits. */
  life: Life
  /** The life of the latest commit. */
  shown: Life | undefined
  /** Makes React render with another life. */
  #install: (life: Life) => void = ignore
  /** Makes React call `renew` after the router's own update. */
  #scheduleRenewal: () => void = ignore
  /** Cancels the newest life. It belongs to the component, so one from an earlier render does the same. */
  readonly cancel: Cancel
  /** Ends the newest life, if it is live, and starts another at the next commit. */
  readonly reset: () => void
  /** The life that the last effect armed. A later effect closes it: contexts must not end during React's commit. */
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
    // Disposing it cancels, like the cancel of a context.
    this.cancel = Object.assign(cancel, disposal(cancel, this.life.end))
    this.reset = () => {
      if (!this.isMounted) return
      const before = this.life
      before.replace()
      before.end(Superseded)
      this.renew()
    }
  }

  commit(life: Life, settings: LifeSettings, install: (life: Life) => void): void {
    const before = this.shown
    this.settings = settings
    this.#install = install
    if (life === before) return
    this.shown = life
    // A successor of the life that is rendered now may already wait.
    if (this.life !== life.next) this.life = life
    if (before !== this.#attached) queueMicrotask(() => before?.close(Superseded))
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

  /** Closes a hidden or never shown life that a context below it has armed: no effect of its own will close it. */
  protected override drop(): void {
    if (this.isShown) return
    queueMicrotask(() => {
      if (!this.isMounted) this.leave(Unmounted)
    })
  }

  /** Ends the life when the tab is hidden, and starts another when it is shown; for `<Scope visible>`. */
  setTabHidden(isTabHidden: boolean): void {
    this.#isTabHidden = isTabHidden
    if (isTabHidden) this.leave(Hidden)
    else this.show()
  }

  /** Sets the function that makes React call `renew` after the router's own update. */
  onRouteEnd(scheduleRenewal: () => void): void {
    this.#scheduleRenewal = scheduleRenewal
  }

  /** Runs when the page or the route has ended `life`. */
  baseEnded(life: Life): void {
    if (life !== this.shown || !this.isShown) return
    if (!life.isCanceled || life.baseCause === Navigated) this.#prepareSuccessor(life)
  }

  #prepareSuccessor(life: Life): void {
    if (!life.successor() && !life.parent.err) life.replace()
    if (!life.next) return
    // A page that is left must not start work before it is restored.
    if (life.baseCause === PageHidden) globalThis.addEventListener('pageshow', this.#renew)
    else this.#scheduleRenewal()
  }

  /** Makes React render with the newest life if that waits. */
  renew(): void {
    globalThis.removeEventListener?.('pageshow', this.#renew)
    const life = this.life.successor() ?? this.life
    if (life !== this.shown && this.isMounted && !this.#isTabHidden) this.#install(life)
  }
}

/** Makes `cancel` disposable under the same symbol as `like`, which may be a polyfill's. */
function disposal(cancel: () => void, like: Cancel): Disposable {
  const [symbol] = Object.getOwnPropertySymbols(like)
  return { [symbol as typeof Symbol.dispose]: cancel } as Disposable
}

function ignore(): void {}
