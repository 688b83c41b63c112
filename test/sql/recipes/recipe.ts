/** What every recipe has to do, against a real server: one suite for all of them. */

import { background, isDeadlineExceeded, sleep, withCancel, withTimeout } from 'rescind'
import type { Context } from 'rescind'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { failOnUnhandled, outcome } from '../../support.ts'
import { until } from '../conformance.ts'
import { observe } from '../postgres.ts'
import type { Observer } from '../postgres.ts'
import type { Access } from '../../../scripts/postgres.ts'

/** A library under a context. Its sessions are called `name`, and its table is `name`_album. */
export interface Recipe {
  /** Runs for hours. */
  endless(ctx: Context): Promise<unknown>
  titles(ctx: Context): Promise<string[]>
  insert(ctx: Context, title: string): Promise<unknown>
  /** Inserts, and calls `then` before the commit, with a function that runs for hours in the transaction. */
  transaction(ctx: Context, title: string, then: (endless: () => Promise<unknown>) => unknown): Promise<unknown>
  /** Runs for `seconds`. */
  pause(ctx: Context, seconds: number): Promise<unknown>
  close(): Promise<void>
}

export interface NamedAccess extends Access {
  /** The name of the sessions in the server. */
  readonly application_name: string
}

export interface Options {
  /** The error inside the library's own. */
  readonly unwrap?: (error: unknown) => unknown
}

export function works(name: string, open: (access: NamedAccess) => Recipe, options: Options = {}): void {
  const { unwrap = (error) => error } = options
  const bg = background()
  const access = inject('postgres')
  let recipe: Recipe
  let observer: Observer

  /** Waits until the server reports `count` running statements. */
  const running = (count: number) => until(async () => (await observer.active(name)).length === count)

  const isUnharmed = async (expected: string[] = []) => {
    await running(0)
    // More than there are connections, so each of them must still work.
    const all = Array.from({ length: 5 }, () => recipe.titles(bg))
    for (const titles of await Promise.all(all)) expect(titles).toEqual(expected)
    await until(async () => (await observer.sessions(name)).every(({ state }) => state === 'idle'))
  }

  describe(`${name}`, () => {
    failOnUnhandled()

    beforeAll(async () => {
      observer = await observe(access)
      await observer.query(`CREATE TABLE ${name}_album (id serial, title text, added timestamp DEFAULT now())`)
      recipe = open({ ...access, application_name: name })
    })

    afterAll(async () => {
      await recipe.close()
      await observer.query(`DROP TABLE ${name}_album`)
      await observer.end()
    })

    beforeEach(() => observer.query(`TRUNCATE ${name}_album`))

    it('sends nothing under a context that has ended', async () => {
      const [ctx, cancel] = withCancel(bg)
      cancel()
      for (const work of [recipe.insert(ctx, 'late'), recipe.transaction(ctx, 'late', () => {})]) {
        expect(unwrap(await work.catch((error: unknown) => error))).toBe(ctx.err)
      }
      await isUnharmed()
    })

    it('sends nothing under a context that ends in the turn of the call', async () => {
      const [ctx, cancel] = withCancel(bg)
      const work = outcome(recipe.insert(ctx, 'late'))
      cancel()
      await until(() => work.settled)
      expect(unwrap(work.error)).toBe(ctx.err)
      await isUnharmed()
    })

    it('stops a running statement in the server when the context ends', async () => {
      const [ctx, cancel] = withCancel(bg)
      const work = outcome(recipe.endless(ctx))
      await running(1)
      cancel()
      await until(() => work.settled)
      expect(unwrap(work.error)).toBe(ctx.err)
      await isUnharmed()
    })

    it('stops a running statement at the deadline', async () => {
      const [ctx] = withTimeout(bg, 30)
      const error = unwrap(await recipe.endless(ctx).catch((error: unknown) => error))
      expect(error).toBe(ctx.err)
      expect(isDeadlineExceeded(error)).toBe(true)
      await isUnharmed()
    })

    it('is unaffected by a context that ends after completion', async () => {
      const [ctx, cancel] = withCancel(bg)
      await recipe.insert(ctx, 'Blue Train')
      await recipe.transaction(ctx, 'Giant Steps', () => {})
      expect(await recipe.titles(ctx)).toEqual(['Blue Train', 'Giant Steps'])
      cancel()
      await isUnharmed(['Blue Train', 'Giant Steps'])
    })

    it('rolls a transaction back when its context ends', async () => {
      const [ctx, cancel] = withCancel(bg)
      const work = outcome(recipe.transaction(ctx, 'half', (endless) => endless()))
      await running(1)
      cancel()
      await until(() => work.settled)
      expect(unwrap(work.error)).toBe(ctx.err)
      await isUnharmed()
    })

    it('rolls a transaction back when its context ends just before the commit', async () => {
      const [ctx, cancel] = withCancel(bg)
      const error = await recipe.transaction(ctx, 'half', () => cancel()).catch((error: unknown) => error)
      expect(unwrap(error)).toBe(ctx.err)
      await isUnharmed()
    })

    it('hits no later statement, however late a cancel is', async () => {
      const failures: unknown[] = []
      const seen = { canceled: 0, completed: 0 }
      const work = async () => {
        for (let round = 0; round < 25; round++) {
          const [ctx, cancel] = withCancel(bg)
          const racing = recipe.pause(ctx, 0.002).then(
            () => seen.completed++,
            (error: unknown) => (unwrap(error) === ctx.err ? seen.canceled++ : failures.push(error)),
          )
          await sleep(bg, Math.random() * 6)
          cancel()
          await racing
          await recipe.pause(bg, 0.001).catch((error: unknown) => failures.push(error))
        }
      }
      await Promise.all([work(), work(), work(), work()])
      expect(failures).toEqual([])
      expect(seen.canceled + seen.completed).toBe(100)
      await isUnharmed()
    })

    it('passes errors of the SQL on', async () => {
      const [ctx, cancel] = withTimeout(bg, 60_000)
      const error = unwrap(await recipe.insert(ctx, '\0').catch((error: unknown) => error))
      expect(error).toMatchObject({ code: '22021' })
      expect(ctx.err).toBeUndefined()
      cancel()
      await isUnharmed()
    })
  })
}
