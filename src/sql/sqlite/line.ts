/**
 * Starts the worker of an SQLite database, and gives workers of browsers and threads of Node the same interface.
 */

import type { Line } from './channel.ts'
import { SqliteError } from './channel.ts'

/** The part of a worker of `node:worker_threads` that we use. */
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

/** Starts the worker of this package. */
export function startWorker(): Worker | NodeWorker {
  if (typeof Worker === 'function') {
    // Keep it one expression: bundlers recognize this pattern.
    return new Worker(new URL('./sqlite-worker.js', import.meta.url), { type: 'module' })
  }
  const threads = (globalThis as ThreadGlobals).process?.getBuiltinModule?.('node:worker_threads')
  if (!threads) throw new SqliteError('this environment has no workers')
  const here = import.meta.url
  return new threads.Worker(new URL('./sqlite-worker.js', here))
}

/** Fails all requests: it is unknown which one the message answered. */
const UNREADABLE = 'a message of the worker cannot be deserialized'

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
        // The event of a script that could not be loaded has no message.
        onFailure(new SqliteError(event.message || 'the script of the worker could not be loaded'))
      })
    },
    hold: () => {},
    end: () => worker.terminate(),
  }
}
