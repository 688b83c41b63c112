/** IndexedDB: the rules of all engines that do not need SQL. */

import { background, isDeadlineExceeded, sleep, withCancel, withTimeout } from 'rescind'
import { engineError, TransactionDoneError, withTransaction } from 'rescind/sql'
import { stores } from 'rescind/sql/indexeddb'
import type { StoreTransaction } from 'rescind/sql/indexeddb'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { failOnUnhandled, isCollected, outcome } from '../../support.ts'
import { until } from '../conformance.ts'

const bg = background()
const first = { id: 1, title: 'first' }
const second = { id: 2, title: 'second' }

let idb: IDBDatabase

failOnUnhandled()

beforeEach(async () => {
  const opening = indexedDB.open('albums', 1)
  opening.onupgradeneeded = () => {
    opening.result.createObjectStore('album', { keyPath: 'id' }).add(first)
    opening.result.createObjectStore('artist', { keyPath: 'id' })
  }
  idb = await new Promise((resolve, reject) => {
    opening.onsuccess = () => resolve(opening.result)
    opening.onerror = () => reject(opening.error ?? new Error('no database'))
  })
})

afterEach(async () => {
  idb.close()
  await new Promise((resolve) => {
    indexedDB.deleteDatabase('albums').onsuccess = resolve
  })
})

const albums = () => stores(idb, 'album', 'readwrite')
const put = (tx: StoreTransaction, value: object) => tx.request('album', (store) => store.put(value))
const all = (tx: StoreTransaction) => tx.request<unknown[]>('album', (store) => store.getAll())

/** Expects that no transaction locks the store, and that it has these values. */
async function holds(...expected: unknown[]): Promise<void> {
  expect(await withTransaction(bg, albums(), all)).toEqual(expected)
}

/** Writes until it is stopped. */
async function writeForever(tx: StoreTransaction): Promise<void> {
  for (let id = 100; ; id++) await put(tx, { id, title: 'half' })
}

describe('the options of a transaction over stores', () => {
  it('accept every isolation, since the store fulfils all', async () => {
    for (const isolation of ['read uncommitted', 'serializable'] as const) {
      expect(await withTransaction(bg, albums(), all, { isolation, deferrable: false })).toEqual([first])
    }
    await withTransaction(bg, albums(), (tx) => put(tx, second), { readOnly: false })
    await holds(first, second)
  })

  it('prevent writes in a read-only transaction', async () => {
    const reading = withTransaction(bg, albums(), (tx) => put(tx, second), { readOnly: true })
    await expect(reading).rejects.toMatchObject({ name: 'ReadOnlyError' })
    await holds(first)
  })

  it('are refused if they do not fit the mode of the stores', async () => {
    const given = stores(idb, 'album', 'readonly')
    await expect(withTransaction(bg, given, all, { readOnly: false })).rejects.toThrow('readOnly: false is refused')
    await expect(withTransaction(bg, given, all, { deferrable: true })).rejects.toThrow('deferrable is refused')
    const wrong = { isolation: 'snapshot' as 'serializable' }
    await expect(given.begin(bg, wrong)).rejects.toThrow('got "snapshot"')
    await expect(withTransaction(bg, albums(), (tx) => withTransaction(bg, tx as never, () => {}))).rejects.toThrow(
      TypeError,
    )
    await holds(first)
  })
})

describe('withTransaction over stores', () => {
  it('commits when the function returns', async () => {
    const [ctx, cancel] = withTimeout(bg, 60_000)
    const key = await withTransaction(ctx, albums(), async (tx) => {
      const key = await put(tx, second)
      expect(await all(tx)).toEqual([first, second])
      return key
    })
    cancel()
    expect(key).toBe(2)
    await holds(first, second)
  })

  it('reads without writing', async () => {
    const reading = withTransaction(bg, stores(idb, ['album', 'artist']), async (tx) => {
      expect(await all(tx)).toEqual([first])
      return tx.request('artist', (store) => store.count())
    })
    expect(await reading).toBe(0)
  })

  it('rolls back when the function throws', async () => {
    const error = new Error('no')
    const failing = withTransaction(bg, albums(), async (tx) => {
      await put(tx, second)
      throw error
    })
    await expect(failing).rejects.toBe(error)
    await holds(first)
  })

  it('stays open while the function waits for other work', async () => {
    await withTransaction(bg, albums(), async (tx) => {
      await put(tx, second)
      await sleep(bg, 20)
      expect(await put(tx, { id: 3, title: 'third' })).toBe(3)
    })
    await holds(first, second, { id: 3, title: 'third' })
  })

  it('rolls back earlier writes if the context ends during such a wait', async () => {
    const [ctx, cancel] = withCancel(bg)
    const transaction = withTransaction(ctx, albums(), async (tx) => {
      await put(tx, second)
      setTimeout(cancel, 10)
      await sleep(ctx, 60_000)
    })
    const error = await transaction.catch((error: unknown) => error)
    expect(error).toBe(ctx.err)
    await holds(first)
  })

  it('waits for requests that the function did not await', async () => {
    const transaction = withTransaction(bg, albums(), (tx) => {
      void put(tx, second)
      void put(tx, { id: 3, title: 'third' })
    })
    await expect(transaction).resolves.toBeUndefined()
    await holds(first, second, { id: 3, title: 'third' })
  })

  it('passes errors of the database on, and the function can continue', async () => {
    const unhandled: unknown[] = []
    idb.onerror = (event) => unhandled.push(event)
    await withTransaction(bg, albums(), async (tx) => {
      await expect(tx.request('album', (store) => store.add(first))).rejects.toMatchObject({ name: 'ConstraintError' })
      await expect(tx.request('nowhere', (store) => store.count())).rejects.toMatchObject({ name: 'NotFoundError' })
      await put(tx, second)
    })
    await holds(first, second)
    await expect(withTransaction(bg, stores(idb, 'album'), (tx) => put(tx, second))).rejects.toMatchObject({
      name: 'ReadOnlyError',
    })
    await holds(first, second)
    expect(unhandled).toEqual([])
  })
})

describe('a context that has ended before the start', () => {
  it('starts no transaction', async () => {
    const [ctx, cancel] = withCancel(bg)
    cancel()
    let called = false
    const transaction = withTransaction(ctx, albums(), () => {
      called = true
    })
    await expect(transaction).rejects.toBe(ctx.err)
    expect(called).toBe(false)
    const begin = vi.spyOn(idb, 'transaction')
    await expect(albums().begin(ctx)).rejects.toBe(ctx.err)
    expect(begin).not.toHaveBeenCalled()
  })
})

describe('a context that ends while the transaction waits for another', () => {
  it('never runs the transaction', async () => {
    const [busy, free] = withCancel(bg)
    const running = outcome(withTransaction(busy, albums(), writeForever))
    const [ctx, cancel] = withCancel(bg)
    const queued = outcome(withTransaction(ctx, albums(), (tx) => put(tx, second)))
    await sleep(bg, 15)
    expect(queued.settled).toBe(false)
    cancel()
    await until(() => queued.settled)
    expect(queued.error).toBe(ctx.err)
    expect(running.settled).toBe(false)
    free()
    await holds(first)
  })
})

describe('a context that ends while the transaction runs', () => {
  it('rolls everything back', async () => {
    const [ctx, cancel] = withCancel(bg)
    const transaction = outcome(withTransaction(ctx, albums(), writeForever))
    await sleep(bg, 20)
    cancel('one')
    cancel('two')
    await until(() => transaction.settled)
    expect(transaction.error).toBe(ctx.err)
    expect(engineError(ctx)).toMatchObject({ name: 'AbortError' })
    expect(engineError(ctx)).not.toBe(ctx.err)
    await holds(first)
  })

  it('rolls back a large write in flight', async () => {
    const [ctx, cancel] = withCancel(bg)
    const transaction = outcome(
      withTransaction(ctx, albums(), async (tx) => {
        const values = Array.from({ length: 3_000 }, (_, index) => ({ id: index + 100, title: 'x'.repeat(1_000) }))
        const writes = Promise.all(values.map((value) => put(tx, value)))
        cancel()
        await writes
      }),
    )
    await until(() => transaction.settled)
    expect(transaction.error).toBe(ctx.err)
    await holds(first)
  })

  it('rolls back at the deadline, and when the parent ends', async () => {
    const [parent, cancel] = withCancel(bg)
    const [late] = withTimeout(parent, 30)
    const error = await withTransaction(late, albums(), writeForever).catch((error: unknown) => error)
    expect(error).toBe(late.err)
    expect(isDeadlineExceeded(error)).toBe(true)
    const [ctx] = withTimeout(parent, 60_000)
    const transaction = outcome(withTransaction(ctx, albums(), writeForever))
    await sleep(bg, 15)
    cancel()
    await until(() => transaction.settled)
    expect(transaction.error).toBe(parent.err)
    await holds(first)
  })

  it('rejects requests that wait until the transaction is active, as its rollback does', async () => {
    const [ctx, cancel] = withCancel(bg)
    const waiting: ReturnType<typeof outcome>[] = []
    for (const end of [cancel, () => {}]) {
      const tx = await albums().begin(end === cancel ? ctx : bg)
      await sleep(bg, 0)
      const request = outcome(all(tx))
      end()
      await tx.rollback()
      waiting.push(request)
    }
    await until(() => waiting.every(({ settled }) => settled))
    expect(waiting[0]?.error).toBe(ctx.err)
    expect(waiting[1]?.error).toBeInstanceOf(TransactionDoneError)
  })

  it('rejects a commit in the same turn', async () => {
    const [ctx, cancel] = withCancel(bg)
    const tx = await albums().begin(ctx)
    await put(tx, second)
    cancel()
    await expect(tx.commit()).rejects.toBe(ctx.err)
    await tx.rollback()
    await holds(first)
  })

  it('has no effect after the commit', async () => {
    const [ctx, cancel] = withCancel(bg)
    expect(await withTransaction(ctx, albums(), (tx) => put(tx, second))).toBe(2)
    cancel()
    await holds(first, second)
  })
})

describe('the values of a cursor', () => {
  it('are read in order, even with waits between two of them', async () => {
    const seen: unknown[] = []
    await withTransaction(bg, albums(), async (tx) => {
      await put(tx, second)
      for await (const value of tx.values('album', (store) => store.openCursor())) {
        seen.push(value)
        await sleep(bg, 2)
      }
      expect(await tx.values('album', (store) => store.openCursor(7)).next()).toEqual({ done: true, value: undefined })
    })
    expect(seen).toEqual([first, second])
  })

  it('end with the context', async () => {
    const [ctx, cancel] = withCancel(bg)
    let count = 0
    const transaction = withTransaction(ctx, albums(), async (tx) => {
      await Promise.all(Array.from({ length: 50 }, (_, id) => put(tx, { id: id + 100 })))
      for await (const value of tx.values('album', (store) => store.openCursor())) {
        count += Number(value !== undefined)
        if (count === 10) cancel()
      }
    })
    const error = await transaction.catch((error: unknown) => error)
    expect(error).toBe(ctx.err)
    expect(count).toBe(10)
    await holds(first)
  })
})

describe('a transaction that is aborted by other code', () => {
  const aborting: [how: string, cause: unknown, abort: (store: IDBObjectStore) => unknown][] = [
    ['a call', undefined, (store) => store.transaction.abort()],
    ['an error that is not handled', expect.objectContaining({ name: 'ConstraintError' }), (store) => store.add(first)],
  ]

  it.each(aborting)('rejects all requests, and its function, after %s', async (_, cause, abort) => {
    const errors: unknown[] = []
    const transaction = withTransaction(bg, albums(), async (tx) => {
      await put(tx, second)
      const requests = [
        tx.request('album', (store) => {
          const request = store.get(1)
          abort(store)
          return request
        }),
        // Waits until the transaction is active, which it never is again.
        Promise.resolve().then(() => all(tx)),
        sleep(bg, 0).then(() => all(tx)),
        sleep(bg, 20).then(() => all(tx)),
      ]
      for (const { reason } of (await Promise.allSettled(requests)) as PromiseRejectedResult[]) errors.push(reason)
    })
    const error: unknown = await transaction.catch((error: unknown) => error)
    expect(error).toBeInstanceOf(TransactionDoneError)
    expect((error as Error).cause).toEqual(cause)
    expect(errors.at(-1)).toBeInstanceOf(TransactionDoneError)
    expect((errors.at(-1) as Error).cause).toEqual(cause)
    await holds(first)
  })

  it.each(aborting)('rejects its commit, and the requests before it, after %s', async (_, cause, abort) => {
    const requests: { readonly error?: unknown }[] = []
    const transaction = withTransaction(bg, albums(), async (tx) => {
      await put(tx, second)
      await sleep(bg, 0)
      const aborted = tx.request('album', (store) => {
        abort(store)
        return store.get(1)
      })
      requests.push(outcome(aborted), outcome(all(tx)))
    })
    const error: unknown = await transaction.catch((error: unknown) => error)
    await until(() => requests.every((request) => request.error !== undefined))
    expect(error).toEqual(cause ?? new TransactionDoneError())
    await holds(first)
  })

  it('is over when its rollback resolves', async () => {
    const log: string[] = []
    const tx = await albums().begin(bg)
    await all(tx)
    idb.addEventListener('abort', () => log.push('aborted'), { capture: true })
    await tx.rollback()
    expect(log).toEqual(['aborted'])
  })
})

describe('a transaction that is over', () => {
  it('rejects all further use', async () => {
    const [ctx, cancel] = withCancel(bg)
    const tx = await albums().begin(ctx)
    await put(tx, second)
    const waiting = outcome(sleep(bg, 5).then(() => put(tx, first)))
    cancel()
    await until(() => waiting.settled)
    expect(waiting.error).toBeInstanceOf(TransactionDoneError)
    expect((waiting.error as Error).cause).toBe(ctx.err)
    await tx.rollback()
    await expect(tx.commit()).rejects.toBeInstanceOf(TransactionDoneError)
    const done = await albums().begin(bg)
    await done.commit()
    await done.rollback()
    await expect(all(done)).rejects.toThrow('already been committed or rolled back')
    const values = done.values('album', (store) => store.openCursor())
    await expect(values.next()).rejects.toBeInstanceOf(TransactionDoneError)
    await holds(first)
  })
})

it('a transaction that is over is not retained by its context', async () => {
  const [ctx, cancel] = withCancel(bg)
  const over = async (end: 'commit' | 'rollback'): Promise<WeakRef<object>> => {
    const tx = await albums().begin(ctx)
    await tx[end]()
    return new WeakRef(tx)
  }
  for (const ref of [await over('commit'), await over('rollback')]) {
    expect(await isCollected(() => ref.deref() ?? {})).toBe(true)
  }
  cancel()
})

it.each([{}, undefined])('stores throws a TypeError without a database: %s', (db) => {
  expect(() => stores(db as IDBDatabase, 'album')).toThrow(TypeError)
  expect(() => stores(db as IDBDatabase, 'album')).toThrow('rescind: db must be')
})
