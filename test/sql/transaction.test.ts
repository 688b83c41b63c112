/** Transactions over a port that the test controls. Those of real engines are in conformance.ts. */

import { afterFunc, background, withCancel } from 'rescind'
import type { Context } from 'rescind'
import { engineError } from 'rescind/sql'
import { expect, it } from 'vitest'
import { stopped } from '../../src/sql/errors.ts'
import { OpenTransaction } from '../../src/sql/transaction.ts'
import type { OuterPort } from '../../src/sql/transaction.ts'
import { failOnUnhandled, microtasks } from '../support.ts'

failOnUnhandled()

/** A connection that runs every statement by `run`. */
const portOf = (run: OuterPort['run']): OuterPort => ({
  isOpen: true,
  loss: undefined,
  grace: 1_000,
  run,
  refuse() {},
  open: () => expect.unreachable(),
  commit: () => expect.unreachable(),
  release: () => expect.unreachable(),
  rollbackTo: () => expect.unreachable(),
  rollback: async () => {},
})

/** Runs until its context ends, as an engine that can stop a statement. */
const endless = (inner: Context) =>
  new Promise<never>((_, reject) => {
    afterFunc(inner, () => reject(stopped(inner, 'interrupted')))
  })

it('keeps what the engine said about a stopped statement when another one fails by itself', async () => {
  const [ctx, cancel] = withCancel(background())
  let fail: ((error: Error) => void) | undefined
  const fails = () => new Promise<never>((_, reject) => (fail = reject))
  const one = new OpenTransaction(ctx, portOf(endless)).exec(ctx, 'SELECT 1')
  const other = new OpenTransaction(ctx, portOf(fails)).exec(ctx, 'SELECT 2')
  await microtasks()
  cancel()
  await expect(one).rejects.toBe(ctx.err)
  expect(engineError(ctx)).toBe('interrupted')
  fail?.(new Error('a constraint'))
  await expect(other).rejects.toThrow('a constraint')
  expect(engineError(ctx)).toBe('interrupted')
})
