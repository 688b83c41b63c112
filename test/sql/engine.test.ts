/** What holds for the engine of other code, too. */

import { background, withCancel } from 'rescind'
import { CommitUnknownError, queryStream, TransactionDoneError, withTransaction } from 'rescind/sql'
import type { Cursor, Queryable, Row, Transaction, TransactionOptions } from 'rescind/sql'
import { describe, expect, it } from 'vitest'
import { task, wrong } from '../support.ts'

const bg = background()

/** A database of which a test reads only this cursor. */
const readable = (cursor: Cursor): Queryable => ({
  query: () => expect.unreachable(),
  exec: () => expect.unreachable(),
  open: async () => cursor,
})

/** An engine that logs how a transaction ends. */
const logging = (log: string[], onCommit = () => {}) => ({
  begin: async () => ({
    commit: async () => {
      log.push('commit')
      onCommit()
    },
    rollback: async () => void log.push('rollback'),
  }),
})

describe('queryStream', () => {
  it('closes its cursor once when it has been read, and no longer waits for the end of its context', async () => {
    const batches = [[{ i: 1 }, { i: 2 }], [{ i: 3 }], []]
    let closed = 0
    const cursor: Cursor = {
      next: async () => batches.shift() as Row[],
      close: async () => void closed++,
    }
    const [ctx, cancel] = withCancel(bg)
    const seen: unknown[] = []
    for await (const row of queryStream(ctx, readable(cursor), 'SELECT', [])) seen.push(row)
    cancel()
    await task()
    expect(seen).toEqual([{ i: 1 }, { i: 2 }, { i: 3 }])
    expect(closed).toBe(1)
  })

  it('rejects with the err of its context, not with what the end has done to its cursor', async () => {
    const batches = [[{ i: 1 }]]
    const cursor: Cursor = {
      next: async () => batches.shift() ?? Promise.reject(new TransactionDoneError()),
      close: async () => {},
    }
    const [ctx, cancel] = withCancel(bg)
    const rows = queryStream(ctx, readable(cursor), 'SELECT')
    await rows.next()
    cancel()
    await expect(rows.next()).rejects.toBe(ctx.err)
  })

  it('passes on why the engine has opened no cursor', async () => {
    const error = new Error('no')
    const db = { ...readable(wrong({})), open: () => Promise.reject(error) }
    await expect(queryStream(bg, db, 'SELECT').next()).rejects.toBe(error)
  })
})

describe('withTransaction', () => {
  it('commits when its function returns, and rolls back when it throws', async () => {
    const log: string[] = []
    const options: TransactionOptions = { isolation: 'serializable', readOnly: true, deferrable: false }
    expect(await withTransaction(bg, logging(log), () => 'done', options)).toBe('done')
    expect(log.splice(0)).toEqual(['commit'])
    await expect(withTransaction(bg, logging(log), () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(log).toEqual(['rollback'])
  })

  it.each<[what: string, ends: boolean, make: (err: unknown) => Error, isErr: boolean]>([
    ['that comes too late: the err of the context', true, (err) => new TransactionDoneError(err), true],
    ['of a lost connection: what was lost', true, () => new TransactionDoneError('lost'), false],
    ['that is over for no reason', false, () => new TransactionDoneError(), false],
    ['without an answer: that it is unknown', true, (err) => new CommitUnknownError(err), false],
  ])('rejects for a commit %s', async (_, ends, make, isErr) => {
    const log: string[] = []
    const [ctx, cancel] = withCancel(bg)
    let failure: unknown
    const db = logging(log, () => {
      if (ends) cancel()
      throw (failure = make(ctx.err))
    })
    const error: unknown = await withTransaction(ctx, db, () => {}).catch((error: unknown) => error)
    expect(error).toBe(isErr ? ctx.err : failure)
    expect(log).toEqual(['commit', 'rollback'])
  })

  it('refuses invalid arguments before it begins', async () => {
    const db = { begin: (): Promise<Transaction> => expect.unreachable() }
    await expect(withTransaction(bg, db, wrong(1))).rejects.toThrow('rescind: fn must be')
    await expect(withTransaction(bg, db, () => {}, wrong(1))).rejects.toThrow('rescind: options must be')
    for (const [name, value] of Object.entries({ isolation: 'none', readOnly: 1, deferrable: 'no' })) {
      const begun = withTransaction(bg, db, () => {}, { [name]: value })
      await expect(begun).rejects.toThrow(`rescind: ${name} must be`)
    }
  })
})
