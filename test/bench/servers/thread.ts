/** The other side of a thread: SQLite as one would put it into a worker by hand, and what answers over a port. */

import { once } from 'node:events'
import { parentPort, Worker, workerData } from 'node:worker_threads'
import type { MessagePort, Transferable } from 'node:worker_threads'
import init from '@sqlite.org/sqlite-wasm'
import type { BindingSpec } from '@sqlite.org/sqlite-wasm'
import { background } from 'rescind'
import { fromPort } from 'rescind/wire'
import { SLOTS } from './by-hand.ts'

/** A statement that can be stopped: by its ID in one of the slots that both threads share. */
export interface Statement {
  readonly kind: 'statement'
  readonly id: number
  readonly sql: string
  readonly params: readonly unknown[]
}

export interface Answer {
  readonly id: number
  readonly rows?: unknown[]
  readonly error?: string
}

type Request =
  | Statement
  | { readonly kind: 'query'; readonly sql: string }
  | { readonly kind: 'bare' | 'context'; readonly port: MessagePort }

/** How many steps a statement runs before it looks whether it is stopped, which takes about 50 µs. */
const STEPS = 4_000

/** In the thread: answers each request. */
export async function answer(): Promise<void> {
  const sqlite3 = await init()
  const db = new sqlite3.oo1.DB(':memory:')
  const flags = workerData as Int32Array | null
  const isStopped = (id: number) => flags !== null && Atomics.load(flags, id % SLOTS) === id
  let current = 0
  if (flags) sqlite3.capi.sqlite3_progress_handler(db.pointer as number, STEPS, () => Number(isStopped(current)), 0)
  const run = ({ id, sql, params }: Statement): Answer => {
    current = id
    try {
      if (isStopped(id)) throw new Error('stopped')
      return { id, rows: db.selectObjects(sql, params.length > 0 ? (params as BindingSpec) : undefined) }
    } catch (error) {
      return { id, error: (error as Error).message }
    }
  }
  const port: MessagePort | null = parentPort
  port?.on('message', (request: Request) => {
    if (request.kind === 'statement') return port.postMessage(run(request))
    if (request.kind === 'query') {
      return port.postMessage(db.exec({ sql: request.sql, rowMode: 'object', returnValue: 'resultRows' }))
    }
    const { kind, port: given } = request
    if (kind === 'bare') return echo(given)
    void fromPort(background(), given).then(([, cancel]) => {
      port.postMessage('done')
      cancel()
    })
  })
  port?.postMessage('ready')
}

function echo(port: MessagePort): void {
  port.once('message', (message: string) => port.postMessage(message))
}

export class Thread {
  readonly #worker: Worker

  private constructor(worker: Worker) {
    this.#worker = worker
  }

  static async open(program: URL): Promise<Thread> {
    const worker = new Worker(program)
    await once(worker, 'message')
    return new Thread(worker)
  }

  /** Posts a request, and waits for what `source` says next. */
  async ask(request: Request, transfer: readonly Transferable[] = [], source?: MessagePort): Promise<unknown> {
    const answered = new Promise((resolve) => (source ?? this.#worker).once('message', resolve))
    this.#worker.postMessage(request, transfer)
    return answered
  }

  close(): Promise<number> {
    return this.#worker.terminate()
  }
}
