/**
 * IndexedDB under a context: a transaction over object stores that is aborted when its context ends. IndexedDB itself
 * commits a transaction as soon as it has no pending request. Here, the transaction stays open until its function
 * returns, so an `await` of something else does not commit the changes before it.
 *
 * @module rescind/sql/indexeddb
 */

import { invalid, isObject } from '../arguments.ts'
import { afterFunc } from '../callbacks.ts'
import type { Context } from '../context.ts'
import type { Committable, Stops } from './database.ts'
import { stopped, TransactionDoneError } from './errors.ts'
import { assertTransactionOptions, refuseDeferrable } from './transaction-options.ts'
import type { TransactionOptions } from './transaction-options.ts'

/** Object stores for transactions; see {@link stores}. */
export interface Stores {
  /** How the engine stops a request. */
  readonly stops: Stops
  /**
   * Begins a transaction that is aborted when `ctx` ends. Every isolation level is accepted: transactions of IndexedDB
   * are serializable. `readOnly: true` is accepted for `readwrite` stores, too.
   */
  begin(ctx: Context, options?: TransactionOptions): Promise<StoreTransaction>
}

/** A transaction over object stores. Once it is over, every use of it rejects with a TransactionDoneError. */
export interface StoreTransaction extends Committable {
  /** Calls `ask` with the object store called `store`, and resolves to the result of the request that it returns. */
  request<T>(store: string, ask: (store: IDBObjectStore) => IDBRequest<T>): Promise<T>
  /** Iterates over the values of the cursor that `ask` opens. */
  values<T = unknown>(
    store: string,
    ask: (store: IDBObjectStore) => IDBRequest<IDBCursorWithValue | null>,
  ): AsyncGenerator<T, void, undefined>
}

/**
 * Wraps object stores of an IndexedDB; pass the result to `withTransaction` as the database. While the function waits
 * for something else, the transaction sends requests to stay open, which uses CPU time and keeps the stores locked. So
 * fetch first, and then write.
 *
 * @throws TypeError if `db` is not an IDBDatabase
 * @example
 * async function rename(ctx: Context, db: IDBDatabase, id: number, title: string): Promise<void> {
 *   await withTransaction(ctx, stores(db, 'album', 'readwrite'), async (tx) => {
 *     const album = await tx.request('album', (store) => store.get(id))
 *     await tx.request('album', (store) => store.put({ ...album, title }))
 *   })
 * }
 * @see https://w3c.github.io/IndexedDB/#transaction-construct
 */
export function stores(
  db: IDBDatabase,
  names: string | readonly string[],
  mode: 'readonly' | 'readwrite' = 'readonly',
): Stores {
  if (!isObject(db) || typeof db.transaction !== 'function') throw invalid('db', 'an IDBDatabase', db)
  return {
    stops: 'engine',
    begin: async (ctx, options = {}) => {
      assertTransactionOptions(options)
      refuseDeferrable(options, 'IndexedDB')
      const { readOnly = mode === 'readonly' } = options
      if (!readOnly && mode === 'readonly') {
        throw new TypeError("rescind: readOnly: false is refused: the stores were opened as 'readonly'")
      }
      ctx.throwIfDone()
      return new OpenStores(ctx, db.transaction(names, readOnly ? 'readonly' : mode))
    },
  }
}

interface PendingRequest {
  readonly ask: () => void
  readonly reject: (error: unknown) => void
}

class OpenStores implements StoreTransaction {
  readonly #ctx: Context
  readonly #tx: IDBTransaction
  /** One of the stores, for the requests that keep the transaction open. */
  readonly #store: IDBObjectStore
  readonly #stop: () => boolean
  /** Requests that wait until the transaction is active. */
  #waiting: PendingRequest[] = []
  /** `done` once commit or abort has begun: new requests are refused. */
  #state: 'open' | 'done' = 'open'
  #why: unknown
  /** Resolves when the database has completed or aborted the transaction. */
  readonly #end: Promise<{ readonly aborted: boolean }>
  /** Resolves `#end` without the database; undefined once the transaction has started and may have changes. */
  #leave: (() => void) | undefined

  constructor(ctx: Context, tx: IDBTransaction) {
    this.#ctx = ctx
    this.#tx = tx
    this.#store = tx.objectStore(tx.objectStoreNames[0] as string)
    this.#end = new Promise((resolve) => {
      tx.addEventListener('complete', () => resolve({ aborted: false }))
      tx.addEventListener('abort', () => {
        this.#finish(tx.error)
        this.#refuse(new TransactionDoneError(this.#why))
        resolve({ aborted: true })
      })
      // Firefox and WebKit report the abort of a queued transaction only when its turn comes.
      this.#leave = () => resolve({ aborted: true })
    })
    this.#stop = afterFunc(ctx, () => this.#abort(ctx.err))
    this.#stayOpen()
  }

  async request<T>(store: string, ask: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    return this.#ask(() => ask(this.#tx.objectStore(store)))
  }

  async *values<T = unknown>(
    store: string,
    ask: (store: IDBObjectStore) => IDBRequest<IDBCursorWithValue | null>,
  ): AsyncGenerator<T, void, undefined> {
    let cursor = await this.request(store, ask)
    while (cursor) {
      const current: IDBCursorWithValue = cursor
      yield current.value as T
      cursor = await this.#ask(() => {
        current.continue()
        return current.request as IDBRequest<IDBCursorWithValue | null>
      })
    }
  }

  async commit(): Promise<void> {
    this.#assertOpen()
    if (!this.#stop()) throw this.#ctx.err
    // The transaction now commits itself, as soon as it has no pending request.
    this.#finish()
    const { aborted } = await this.#end
    if (aborted) throw this.#tx.error ?? new TransactionDoneError()
  }

  async rollback(): Promise<void> {
    this.#abort(this.#ctx.err)
    await this.#end
  }

  /** Makes a request when the transaction is active, and waits for its result. */
  #ask<T>(make: () => IDBRequest<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#assertOpen()
      const ask = () => {
        try {
          const request = make()
          request.onsuccess = () => {
            // After an abort, WebKit still delivers a result that was in flight, though it rolls back the change.
            if (!this.#wasStopped) return resolve(request.result)
            reject(stopped(this.#ctx, new DOMException('the transaction was aborted', 'AbortError')))
          }
          request.onerror = (event) => {
            // Prevents the abort of the transaction: the caller gets the error and may continue.
            event.preventDefault()
            event.stopPropagation()
            reject(this.#wasStopped ? stopped(this.#ctx, request.error) : request.error)
          }
        } catch (error) {
          reject(error)
        }
      }
      if (this.#takesRequests) ask()
      else this.#waiting.push({ ask, reject })
    })
  }

  get #wasStopped(): boolean {
    return this.#why !== undefined && this.#why === this.#ctx.err
  }

  /** Whether the transaction is active. Tested with an invalid key, which throws another error if it is not active. */
  get #takesRequests(): boolean {
    try {
      this.#store.get(Number.NaN)
    } catch (error) {
      return (error as Error).name === 'DataError'
    }
    return true
  }

  /** Keeps the transaction open by always having a request in flight, until commit or abort has begun. */
  #stayOpen(): void {
    const request = this.#store.getKey(0)
    // Its error after an abort is none for the error handler of the database.
    request.onerror = (event) => event.stopPropagation()
    request.onsuccess = () => {
      this.#leave = undefined
      // Also after `commit`: requests that were made before it still run.
      for (const { ask } of this.#waiting.splice(0)) ask()
      if (this.#state === 'open') this.#stayOpen()
    }
  }

  #abort(why: unknown): void {
    if (this.#state === 'done') return
    this.#finish(why)
    this.#tx.abort()
    this.#leave?.()
    this.#refuse(this.#wasStopped ? why : new TransactionDoneError(why))
  }

  /** Rejects the requests that wait. */
  #refuse(error: unknown): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }

  #finish(why?: unknown): void {
    if (this.#state === 'done') return
    this.#state = 'done'
    this.#why = why ?? undefined
    this.#stop()
  }

  #assertOpen(): void {
    if (this.#state === 'done') throw new TransactionDoneError(this.#why)
  }
}
