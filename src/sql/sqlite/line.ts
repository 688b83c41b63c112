/**
 * Starts the worker of an SQLite database, and makes the two kinds of workers, a browser's and a thread of Node, look
 * alike.
 */

import type { Line } from './channel.ts'
import { SqliteError } from './channel.ts'

/** A worker of `node:worker_threads`, as far as it is needed here. */
export interface NodeWorker {
  postMessage(message: unknown, transfer: []): void
  on(event: string, listener: (value: unknown) => void): unknown
  ref(): void
  unref(): void
  terminate(): unknown
}

interface ThreadGlobals {
  readonly process?: {
    getBuiltinModule?(name: 'node:worker_threads'): { readonly Worker: new (url: URL) => NodeWorker }
  }
}

/** The worker that comes with the package. */
export function startWorker(): Worker | NodeWorker {
  if (typeof Worker === 'function') {
    // In one piece: this is how bundlers find the file.
    return new Worker(new URL('./sqlite-worker.js', import.meta.url), { type: 'module' })
  }
  const threads = (globalThis as ThreadGlobals).process?.getBuiltinModule?.('node:worker_threads')
  if (!threads) throw new SqliteError('there are no workers here')
  const here = import.meta.url
  return new threads.Worker(new URL('./sqlite-worker.js', here))
}

/** Which answer it was is not known, so it stands for all of them. */
const UNREADABLE = 'a message of the worker could not be read'

export function lineTo(worker: Worker | NodeWorker): Line {
  return 'on' in worker ? toThread(worker) : toWorker(worker)
}

function toThread(worker: NodeWorker): Line {
  return {
    post: (message) => worker.postMessage(message, []),
    listen: (onMessage, onFailure) => {
      worker.on('message', onMessage)
      worker.on('messageerror', () => onFailure(new SqliteError(UNREADABLE)))
      worker.on('error', (error) => onFailure(error as Error))
      worker.on('exit', () => onFailure(new SqliteError('the worker has ended')))
    },
    hold: (state) => (state === 'busy' ? worker.ref() : worker.unref()),
    end: () => void worker.terminate(),
  }
}

function toWorker(worker: Worker): Line {
  return {
    post: (message) => worker.postMessage(message, []),
    listen: (onMessage, onFailure) => {
      worker.addEventListener('message', ({ data }: MessageEvent<unknown>) => onMessage(data))
      worker.addEventListener('messageerror', () => onFailure(new SqliteError(UNREADABLE)))
      worker.addEventListener('error', (event) => {
        event.preventDefault()
        // Nothing more is said of a script that could not be loaded.
        onFailure(new SqliteError(event.message || 'the script of the worker could not be loaded'))
      })
    },
    hold: () => {},
    end: () => worker.terminate(),
  }
}
