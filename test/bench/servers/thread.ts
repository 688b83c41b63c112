/** The other side of a thread: SQLite as one would put it into a worker by hand, and what answers over a port. */

import { once } from 'node:events'
import { parentPort, Worker } from 'node:worker_threads'
import type { MessagePort, Transferable } from 'node:worker_threads'
import init from '@sqlite.org/sqlite-wasm'
import { background } from 'rescind'
import { fromPort } from 'rescind/wire'

type Request =
  | { readonly kind: 'query'; readonly sql: string }
  | { readonly kind: 'bare' | 'context'; readonly port: MessagePort }

/** In the thread: answers each request. */
export async function answer(): Promise<void> {
  const sqlite3 = await init()
  const db = new sqlite3.oo1.DB(':memory:')
  const port: MessagePort | null = parentPort
  port?.on('message', (request: Request) => {
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
