/** What holds for the engine of other code, too. */

import { background, withCancel } from 'rescind'
import { queryStream, withTransaction } from 'rescind/sql'
import type { Cursor, Queryable } from 'rescind/sql'
import { describe, expect, it } from 'vitest'
import { task } from '../support.ts'

const bg = background()

/** A database of which a test uses only `open`. */
const readable = (open: () => Promise<Cursor>): Queryable => ({
  query: () => expect.unreachable(),
  exec: () => expect.unreachable(),
  open,
})

describe('queryStream', () => {
  it('closes its cursor once when it has been read, and no longer waits for the end of its context', async () => {
    const batches = [[{ i: 1 }, { i: 2 }], [{ i: 3 }], []]
    let closed = 0
    const cursor: Cursor = {
      next: async () => batches.shift() ?? expect.unreachable(),
      close: async () => void closed++,
    }
    const [ctx, cancel] = withCancel(bg)
    const seen: unknown[] = []
    for await (const row of queryStream(
      ctx,
      readable(async () => cursor),
      'SELECT',
    ))
      seen.push(row)
    cancel()
    await task()
    expect(seen).toEqual([{ i: 1 }, { i: 2 }, { i: 3 }])
    expect(closed).toBe(1)
  })
})

describe('withTransaction', () => {
  it('refuses invalid arguments before it begins', async () => {
    const db = { begin: () => expect.unreachable() }
    await expect(withTransaction(bg, db, 1 as never)).rejects.toThrow('rescind: fn must be')
    for (const [name, value] of Object.entries({ isolation: 'none', readOnly: 1, deferrable: 'no' })) {
      const begun = withTransaction(bg, db, () => {}, { [name]: value })
      await expect(begun).rejects.toThrow(`rescind: ${name} must be`)
    }
  })
})
