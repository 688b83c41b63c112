/**
 * What the requests and the statements of rescind do, by hand with an AbortController: the handler learns that its
 * client has left, and an aborted signal stops a statement in its engine. Each class and function has only what stops
 * work. It refuses no statement, finds no transaction that was left open, and passes no values and no deadline on.
 */

import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { Client, Pool, PoolClient, QueryResult } from 'pg'
import type { Answer, Statement } from './thread.ts'

const OVER = new Error('the response was sent')

/**
 * Makes a signal for a request. It aborts when the client ends or loses the connection before the response was ended,
 * when the response was destroyed, and at the deadline that the caller has sent. Call `end` when the work is done.
 */
export function receive(req: IncomingMessage, res: ServerResponse): { signal: AbortSignal; end: () => void } {
  const sent = req.headers['rescind-timeout-ms']
  if (sent !== undefined && !/^\d{1,10}$/.test(String(sent))) throw new RangeError(`rescind-timeout-ms: ${sent}`)
  const controller = new AbortController()
  const { socket } = req
  const finish = (reason: unknown) => {
    clearTimeout(timer)
    socket.off('end', onLeave)
    // A response that waits for an earlier one on its connection gets no event of its own.
    socket.off('close', onLeave)
    res.off('close', onClose)
    controller.abort(reason)
  }
  const onLeave = () => {
    if (!res.writableEnded) finish(res.errored ?? new Error('the client has gone'))
  }
  const onClose = () => finish(res.errored ?? (res.writableEnded ? OVER : new Error('the client has gone')))
  const timer =
    sent === undefined
      ? undefined
      : setTimeout(() => finish(new DOMException('The time is over', 'TimeoutError')), Number(sent))
  socket.prependListener('end', onLeave)
  socket.prependListener('close', onLeave)
  res.once('close', onClose)
  return { signal: controller.signal, end: () => finish(OVER) }
}

/** How long to wait for a canceled statement before the next cancel, in milliseconds: the first may come too early. */
const PAUSE = 10

/**
 * Runs a statement on a client that is not used by others. If the signal aborts, cancels the statement through `admin`,
 * and returns only when no cancel is in flight, which would hit the next statement.
 */
async function run(
  client: Client | PoolClient,
  admin: Pool,
  sql: string,
  signal: AbortSignal,
  ms?: number,
): Promise<unknown[]> {
  signal.throwIfAborted()
  let isOver = false
  let canceling: Promise<void> | undefined
  const cancel = async () => {
    const { processID } = client as unknown as { processID: number }
    while (!isOver) {
      await admin.query('SELECT pg_cancel_backend($1)', [processID])
      await delay(PAUSE)
    }
  }
  const onAbort = () => {
    canceling = cancel()
  }
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    const text = ms === undefined ? sql : `SET LOCAL statement_timeout = ${ms}; ${sql}`
    const result = (await client.query(text)) as QueryResult | QueryResult[]
    return (Array.isArray(result) ? result.at(-1) : result)?.rows ?? []
  } catch (error) {
    if (signal.aborted && (error as { code?: unknown }).code === '57014') throw signal.reason
    throw error
  } finally {
    isOver = true
    signal.removeEventListener('abort', onAbort)
    await canceling
  }
}

/** A client that several callers share. One statement runs at a time, so that a cancel hits the right one. */
export class ClientByHand {
  readonly #client: Client
  readonly #admin: Pool
  #turn: Promise<unknown> = Promise.resolve()

  constructor(client: Client, admin: Pool) {
    this.#client = client
    this.#admin = admin
  }

  query(sql: string, signal: AbortSignal, ms?: number): Promise<unknown[]> {
    const answer = this.#turn.then(() => run(this.#client, this.#admin, sql, signal, ms))
    this.#turn = answer.catch(() => {})
    return answer
  }
}

/** Runs a statement on a client of the pool. If the signal aborts before one is free, it goes back when it comes. */
export async function queryPool(pool: Pool, admin: Pool, sql: string, signal: AbortSignal): Promise<unknown[]> {
  const client = await connect(pool, signal)
  let isUsable = true
  const onError = () => {
    isUsable = false
  }
  client.on('error', onError)
  try {
    return await run(client, admin, sql, signal)
  } finally {
    client.off('error', onError)
    client.release(!isUsable)
  }
}

function connect(pool: Pool, signal: AbortSignal): Promise<PoolClient> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    pool.connect().then((client) => {
      signal.removeEventListener('abort', onAbort)
      if (signal.aborted) client.release()
      else resolve(client)
    }, reject)
  })
}

/** The number of requests that can be stopped at the same time. */
export const SLOTS = 1_024

/** SQLite in a thread. A signal that aborts stops the statement through memory that both threads share. */
export class SqliteByHand {
  readonly #worker: Worker
  readonly #flags: Int32Array
  readonly #pending = new Map<number, (answer: Answer) => void>()
  #last = 0

  private constructor(worker: Worker, flags: Int32Array) {
    this.#worker = worker
    this.#flags = flags
    worker.on('message', (answer: Answer) => {
      const settle = this.#pending.get(answer.id)
      this.#pending.delete(answer.id)
      settle?.(answer)
    })
    worker.on('error', ({ message }) => {
      for (const [id, settle] of this.#pending) settle({ id, error: message })
      this.#pending.clear()
    })
  }

  static async open(program: URL): Promise<SqliteByHand> {
    const flags = new Int32Array(new SharedArrayBuffer(4 * SLOTS))
    const worker = new Worker(program, { workerData: flags })
    await once(worker, 'message')
    return new SqliteByHand(worker, flags)
  }

  query(sql: string, params: readonly unknown[], signal: AbortSignal): Promise<unknown[]> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted()
      const id = ++this.#last
      const onAbort = () => Atomics.store(this.#flags, id % SLOTS, id)
      signal.addEventListener('abort', onAbort, { once: true })
      this.#pending.set(id, ({ rows, error }) => {
        signal.removeEventListener('abort', onAbort)
        if (rows) resolve(rows)
        else reject(signal.aborted ? signal.reason : new Error(error))
      })
      const statement: Statement = { kind: 'statement', id, sql, params }
      this.#worker.postMessage(statement, [])
    })
  }

  close(): Promise<number> {
    return this.#worker.terminate()
  }
}
