/**
 * IndexedDB under a context: a transaction over object stores that is aborted when its context ends. IndexedDB by
 * itself commits a transaction the moment it has no request; here it stays open until its function returns, so
 * that what was written before an `await` on something else is not committed behind the caller's back.
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

/** Object stores to work on; see {@link stores}. */
export interface Stores {
  /** How the engine stops a request. */
  readonly stops: Stops
  /**
   * Begins a transaction that is aborted when `ctx` ends. IndexedDB's are serializable, so that every isolation is met.
   * `readOnly: true` reads stores that could be written, too.
   */
  begin(ctx: Context, options?: TransactionOptions): Promise<StoreTransaction>
}

/** A transaction over object stores. Once it is over, every use of it rejects with a TransactionDoneError. */
export interface StoreTransaction extends Committable {
  /** Asks one of the stores, and resolves to the result of the request that `ask` returns. */
  request<T>(store: string, ask: (store: IDBObjectStore) => IDBRequest<T>): Promise<T>
  /** Reads the values under the cursor that `ask` opens, one by one. */
  values<T = unknown>(
    store: string,
    ask: (store: IDBObjectStore) => IDBRequest<IDBCursorWithValue | null>,
  ): AsyncGenerator<T, void, undefined>
}

/**
 * Object stores of an IndexedDB, to be worked on in transactions: pass it to `withTransaction`. While the function
 * waits for something else, the transaction asks the database again and again to stay open, which keeps a processor
 * busy and the stores locked: fetch before, write then.
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
        throw new TypeError("rescind: readOnly: false is refused: the stores were given as 'readonly'")
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
  /** Any of the stores. */
  readonly #store: IDBObjectStore
  readonly #stop: () => boolean
  /** What waits for the next moment in which the transaction takes requests. */
  #waiting: PendingRequest[] = []
  /** `done` once the end has begun: nothing new is taken then. */
  #state: 'open' | 'done' = 'open'
  #why: unknown
  /** Resolves when the database is through. */
  readonly #end: Promise<{ readonly aborted: boolean }>
  /** Does not wait for the database: what still waits behind others has nothing to take back. */
  #leave: (() => void) | undefined

  constructor(ctx: Context, tx: IDBTransaction) {
    this.#ctx = ctx
    this.#tx = tx
    this.#store = tx.objectStore(tx.objectStoreNames[0] as string)
    this.#end = new Promise((resolve) => {
      tx.addEventListener('complete', () => resolve({ aborted: false }))
      tx.addEventListener('abort', () => {
        this.#finish(tx.error)
        resolve({ aborted: true })
      })
      // Firefox and WebKit tell of the abort only when it is its turn.
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
    // It commits by itself as soon as it has no request.
    this.#finish()
    const { aborted } = await this.#end
    if (aborted) throw this.#tx.error ?? new TransactionDoneError()
  }

  async rollback(): Promise<void> {
    this.#abort(this.#ctx.err)
    await this.#end
  }

  /** Makes a request while the transaction takes some, and waits for its result. */
  #ask<T>(make: () => IDBRequest<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#assertOpen()
      const ask = () => {
        try {
          const request = make()
          request.onsuccess = () => {
            // WebKit still gives an answer that was on its way, though it takes the change back.
            if (!this.#wasStopped) return resolve(request.result)
            reject(stopped(this.#ctx, new DOMException('the transaction was aborted', 'AbortError')))
          }
          request.onerror = (event) => {
            // The caller gets the error, and may go on: it would abort the transaction otherwise.
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

  /** An invalid key is refused in any case, but first of all if requests are not taken now. Nothing is asked. */
  get #takesRequests(): boolean {
    try {
      this.#store.get(Number.NaN)
    } catch (error) {
      return (error as Error).name === 'DataError'
    }
    return true
  }

  /** There is always a request on its way, until the end has begun. */
  #stayOpen(): void {
    this.#store.getKey(0).onsuccess = () => {
      this.#leave = undefined
      // Those too that were there before a commit.
      for (const { ask } of this.#waiting.splice(0)) ask()
      if (this.#state === 'open') this.#stayOpen()
    }
  }

  #abort(why: unknown): void {
    if (this.#state === 'done') return
    this.#finish(why)
    this.#tx.abort()
    this.#leave?.()
    const error = this.#wasStopped ? why : new TransactionDoneError(why)
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
