/** The connection to the server is cut, or silently stops. */

import { connect, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { background, sleep, withTimeout } from 'rescind'
import { execContext, queryContext, withTransaction } from 'rescind/sql'
import { postgres } from 'rescind/sql/postgres'
import { endless, observe } from '../sql/postgres.ts'
import type { Access } from '../../scripts/postgres.ts'
import { comesTrue, Tally, toughPool } from './tally.ts'
import type { Fault } from './tally.ts'

const bg = background()

export const cuts: Fault = {
  name: 'cut sockets, in the middle of transactions and of their commits',
  async run({ access }) {
    const tally = new Tally()
    const proxy = await startProxy(access, 0.1)
    const pool = toughPool(proxy.access, 'cuts', 4)
    const db = postgres(pool, { grace: 300 })
    await queryContext(bg, db, 'CREATE TABLE cut (id int, side text)')
    let running = true
    let completed = 0
    const cutting = (async () => {
      while (running) {
        const before = completed
        await sleep(bg, Math.random() * 100)
        // Wait for a commit before each cut, since on a busy machine none might succeed otherwise.
        const end = performance.now() + 1_000
        while (running && completed === before && performance.now() < end) await sleep(bg, 5)
        proxy.cut()
        tally.count('cuts')
      }
    })()
    const endings = new Map<number, string>()
    const work = async (from: number) => {
      for (let id = from; id < 1_000; id += 4) {
        const [ctx, cancel] = withTimeout(bg, 5_000)
        const transaction = withTransaction(ctx, db, async (tx) => {
          await execContext(ctx, tx, "INSERT INTO cut VALUES ($1, 'left')", [id])
          await execContext(ctx, tx, "INSERT INTO cut VALUES ($1, 'right')", [id])
        })
        const ending = await tally.follow(ctx, transaction, 'transaction')
        endings.set(id, ending)
        if (ending === 'completed') completed++
        cancel()
      }
    }
    await Promise.all([0, 1, 2, 3].map(work))
    running = false
    await cutting
    tally.assert(completed > 0, 'no transaction was completed')
    const observer = await observe(access)
    await comesTrue(async () => (await observer.sessions('cuts')).every(({ state }) => state === 'idle'))
    const rows = await observer.query('SELECT id, count(*)::int AS count FROM cut GROUP BY id')
    const counts = new Map(rows.map(({ id, count }) => [Number(id), Number(count)]))
    for (const [id, ending] of endings) {
      const count = counts.get(id) ?? 0
      tally.assert(count === 0 || count === 2, `only half of transaction ${id} is stored`)
      tally.assert(ending !== 'completed' || count === 2, `transaction ${id} was reported as committed, but is lost`)
      const isOpen = ending === 'completed' || ending === 'commit unknown'
      tally.assert(isOpen || count === 0, `transaction ${id} was reported as failed (${ending}), but is stored`)
      if (ending === 'commit unknown') tally.count(`unknown commits that ${count === 2 ? 'succeeded' : 'failed'}`)
    }
    await observer.end()
    await tally.settles(pool, access, 'cuts')
    await db.close()
    await proxy.close()
    return tally
  },
}

export const halfOpen: Fault = {
  name: 'a connection that silently stops: the deadline holds on both sides',
  async run({ access }) {
    const tally = new Tally()
    const observer = await observe(access)
    for (let round = 0; round < 5; round++) {
      const proxy = await startProxy(access)
      const pool = toughPool(proxy.access, 'half-open', 2)
      const db = postgres(pool, { grace: 200 })
      const [ctx] = withTimeout(bg, 400)
      const query = tally.follow(ctx, queryContext(ctx, db, endless), 'query')
      const transaction = tally.follow(
        ctx,
        withTransaction(ctx, db, () => sleep(ctx, 60_000)),
        'idle transaction',
      )
      await comesTrue(async () => (await observer.sessions('half-open')).length === 2)
      proxy.freeze()
      await Promise.all([query, transaction])
      // The client cannot reach the server: the server's own timeouts end both.
      const isOver = async () => (await observer.sessions('half-open')).every(({ state }) => state === 'idle')
      tally.assert(await comesTrue(isOver), 'the server still works for a client that it cannot reach')
      tally.count('dead connections')
      await proxy.close()
      await db.close()
    }
    await observer.end()
    return tally
  },
}

interface Proxy {
  readonly access: Access
  /** Cuts all connections. */
  cut(): void
  /** Stops forwarding, without closing anything. */
  freeze(): void
  close(): Promise<void>
}

/** Cuts the connection at a fraction `lossy` of all commits: at half of those before the server receives the commit. */
async function startProxy(target: Access, lossy: number = 0): Promise<Proxy> {
  const sockets = new Set<Socket>()
  let isFrozen = false
  const server: Server = createServer((client) => {
    const upstream = connect(target.port, target.host)
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from)
      from.on('data', (data) => {
        if (isFrozen) return
        const isLost = lossy > 0 && data.includes('COMMIT') && Math.random() < lossy
        if (!isLost || Math.random() < 0.5) to.write(data, () => isLost && from.destroy())
        else from.destroy()
      })
      from.on('error', () => {})
      from.on('close', () => {
        sockets.delete(from)
        if (!isFrozen) to.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  const cut = () => sockets.forEach((socket) => socket.destroy())
  return {
    access: { ...target, port: typeof address === 'object' && address ? address.port : 0 },
    cut,
    freeze: () => {
      isFrozen = true
    },
    close: () => {
      cut()
      return new Promise((resolve) => {
        server.close(() => resolve())
      })
    },
  }
}
