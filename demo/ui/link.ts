/**
 * The page's connection to the server's log. Entries arrive over a connection of their own as they are written. Clocks
 * differ, so the page reads the server's clock whenever it connects. From then on it converts the server's times to its
 * own axis, exact to half a round trip.
 */

import { afterFunc, background, until, withCancel } from 'rescind'
import type { Cancel, Context } from 'rescind'
import type { Entry } from '../server/log.ts'
import { fromRoot } from './root.ts'
import { findServer } from './server.ts'
import type { Server } from './server.ts'
import { Store } from './store.ts'
import { tabLog } from './tab-log.ts'

export interface LinkState {
  readonly status: 'connecting' | 'up' | 'down'
  /** How many of the steps to `up` are done, out of `CONNECTED`. */
  readonly step: number
  /** Undefined until the server has answered. */
  readonly server: Server | undefined
  /** The server's clock minus the page's, in milliseconds. */
  readonly offset: number
  /** The entries of the server's log about this page's requests. */
  readonly entries: ReadonlyMap<string, Entry>
}

const PINGS = 5

/** The steps of connecting: the server is found, its log is open, and each ping is answered. */
export const CONNECTED: number = 2 + PINGS

/** The text while the page connects. */
export const CONNECTING = 'Connecting to the server'

let latestOffset = 0

/** Converts a time of the page's clock to the server's clock. */
export function serverTime(time: number): number {
  return time + latestOffset
}

/** The start of the ids of all requests of this page. */
export const pageId: string = `p${Math.random().toString(36).slice(2, 10)}.`

export class Link extends Store<LinkState> {
  #disconnect: Cancel | undefined

  constructor() {
    super({ status: 'connecting', step: 0, server: undefined, offset: 0, entries: new Map() })
    tabLog.follow(background(), '', (entry) => this.#receive({ ...entry, arrived: serverTime(entry.arrived) }))
  }

  /** Connects or reconnects. The browser itself retries a connection that breaks. */
  connect(): void {
    this.#disconnect?.(new Error('reconnecting'))
    const [ctx, disconnect] = withCancel(background(), { label: 'server log' })
    this.#disconnect = disconnect
    this.#patch({ status: 'connecting', step: 0 })
    void this.#open(ctx)
  }

  async #open(ctx: Context): Promise<void> {
    try {
      const server = await until(ctx, findServer())
      this.#patch({ server, step: 1 })
      this.#follow(ctx)
    } catch {
      if (ctx.err === undefined) this.#patch({ status: 'down' })
    }
  }

  #follow(ctx: Context): void {
    const source = new EventSource(fromRoot(`api/events?page=${pageId}`))
    afterFunc(ctx, () => source.close())
    source.addEventListener('open', () => void this.#synchronize(ctx))
    source.addEventListener('error', () => {
      if (ctx.err === undefined) this.#patch({ status: 'down' })
    })
    source.addEventListener('message', ({ data }) => this.#receive(JSON.parse(String(data)) as Entry))
  }

  async #synchronize(ctx: Context): Promise<void> {
    try {
      const offset = await clockOffset(ctx, (pings) => this.#patch({ step: 2 + pings }))
      if (ctx.err !== undefined) return
      latestOffset = offset
      this.#patch({ status: 'up', offset })
    } catch {
      if (ctx.err === undefined) this.#patch({ status: 'down' })
    }
  }

  #receive(entry: Entry): void {
    this.#patch({ entries: new Map(this.get().entries).set(entry.id, entry) })
  }

  #patch(patch: Partial<LinkState>): void {
    this.set({ ...this.get(), ...patch })
  }
}

/** The offset by the fastest round trip, which is the most exact. */
async function clockOffset({ signal }: Context, onPing: (pings: number) => void): Promise<number> {
  let best = Infinity
  let offset = 0
  for (let ping = 0; ping < PINGS; ping++) {
    onPing(ping)
    const sent = performance.now()
    const response = await fetch(fromRoot('api/clock'), { signal })
    const serverTime = Number(await response.text())
    const received = performance.now()
    if (received - sent >= best) continue
    best = received - sent
    offset = serverTime - (sent + received) / 2
  }
  return offset
}
