/**
 * The feed: what the panel shows of a view, and when. However much happens, the panel takes no more than about a
 * hundredth of the main thread: after each refresh it waits in proportion to what that cost, layout and paint included.
 * It opens no connection and reads the inspector as it is, so a panel that is opened late has everything.
 */

import type { Inspector, Row, View, Warning } from '../src/inspect/index.ts'

/** What is shown at a time. */
export interface Snapshot {
  readonly view: View
  readonly mode: 'live' | 'paused' | 'recording'
  readonly rows: readonly Row[]
  readonly warnings: readonly Warning[]
  readonly at: number
}

/** How many times its own cost a refresh is followed by rest, and the limits of that rest in milliseconds. */
const REST_FACTOR = 90
const MIN_REST_MS = 100
const MAX_REST_MS = 2_000

/** How often clocks move on while nothing happens. */
const TICK_MS = 1_000

export class Feed {
  readonly #inspector: Inspector
  readonly #listeners = new Set<() => void>()
  #snapshot: Snapshot
  /** Undoes what the first listener has set up. */
  #stop: (() => void) | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #frame: number | undefined
  /** When the next refresh may be, on the clock of the page. */
  #next = 0

  constructor(inspector: Inspector) {
    this.#inspector = inspector
    this.#snapshot = snapshotOf(inspector, 'live')
  }

  get = (): Snapshot => this.#snapshot

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    this.#stop ??= this.#start()
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size > 0) return
      this.#stop?.()
      this.#stop = undefined
    }
  }

  pause(): void {
    this.#show(this.#inspector, 'paused')
  }

  /** Shows what happens now; no longer a recording. */
  resume(): void {
    this.#show(this.#inspector, 'live')
  }

  /** Shows a recording. */
  play(recording: View): void {
    this.#show(recording, 'recording')
  }

  #show(view: View, mode: Snapshot['mode']): void {
    this.#snapshot = snapshotOf(view, mode)
    this.#tell()
  }

  #start(): () => void {
    const leave = this.#inspector.subscribe(() => this.#schedule())
    const tick = setInterval(() => {
      if (this.#snapshot.rows.some(({ how }) => how === undefined)) this.#schedule()
    }, TICK_MS)
    this.#schedule()
    return () => {
      leave()
      clearInterval(tick)
      clearTimeout(this.#timer)
      if (this.#frame !== undefined) cancelAnimationFrame(this.#frame)
      this.#timer = this.#frame = undefined
    }
  }

  #schedule(): void {
    if (this.#snapshot.mode !== 'live' || this.#timer !== undefined || this.#frame !== undefined) return
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        // A page that is hidden has no frames, and nothing to show.
        this.#frame = requestAnimationFrame(() => {
          this.#frame = undefined
          this.#refresh()
        })
      },
      Math.max(0, this.#next - performance.now()),
    )
  }

  #refresh(): void {
    if (this.#snapshot.mode !== 'live') return
    const start = performance.now()
    this.#show(this.#inspector, 'live')
    const { port1, port2 } = new MessageChannel()
    // A message comes after the paint of this frame.
    port1.onmessage = () => {
      port1.close()
      const end = performance.now()
      this.#next = end + Math.min(Math.max((end - start) * REST_FACTOR, MIN_REST_MS), MAX_REST_MS)
    }
    this.#next = start + MIN_REST_MS
    port2.postMessage(undefined)
  }

  #tell(): void {
    for (const listener of new Set(this.#listeners)) listener()
  }
}

function snapshotOf(view: View, mode: Snapshot['mode']): Snapshot {
  return { view, mode, rows: view.rows, warnings: view.warnings, at: view.at }
}
