/**
 * The feed: which data the panel shows, and when it refreshes them. The panel uses about a hundredth of the main thread
 * at most, under any load: after each refresh it waits for a multiple of the time that the refresh took, including
 * layout and paint. It reads the rows that the inspector has, so a panel that is opened late also shows earlier events.
 */

import type { Inspector, Row, View, Warning } from '../src/inspect/index.ts'

/** The data that the panel shows at one time. */
export interface Snapshot {
  readonly view: View
  readonly mode: 'live' | 'paused' | 'recording'
  readonly rows: readonly Row[]
  readonly warnings: readonly Warning[]
  readonly at: number
}

/** The wait after a refresh, as a multiple of the time that the refresh took, and its limits in milliseconds. */
const REST_FACTOR = 90
const MIN_REST_MS = 100
const MAX_REST_MS = 2_000

/** How often the panel refreshes the ages of live contexts while there are no events. */
const TICK_MS = 1_000

export class Feed {
  readonly #inspector: Inspector
  readonly #listeners = new Set<() => void>()
  #snapshot: Snapshot
  /** Stops the refreshes; undefined without listeners. */
  #stop: (() => void) | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #frame: number | undefined
  /** The earliest time of the next refresh, as `performance.now()` counts. */
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

  /** Shows the live rows of the inspector. */
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
        // A hidden page has no frames, so it does not refresh.
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
    // A message arrives after this frame was painted, so the measured time includes layout and paint.
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
