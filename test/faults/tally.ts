/** The results of a fault: how often each outcome occurred, and all violations. */

import { Pool } from 'pg'
import { background, sleep } from 'rescind'
import type { Context } from 'rescind'
import { CommitUnknownError } from 'rescind/sql'
import { observe } from '../sql/postgres.ts'
import type { Access, PostgresServer } from '../../scripts/postgres.ts'

export interface Fault {
  readonly name: string
  run(server: PostgresServer): Promise<Tally>
}

/** A statement that takes longer than this counts as hung. */
const HANG_MS = 20_000

export class Tally {
  readonly counts: Map<string, number> = new Map()
  readonly violations: string[] = []

  count(label: string, by = 1): void {
    this.counts.set(label, (this.counts.get(label) ?? 0) + by)
  }

  assert(isTrue: boolean, violation: string): void {
    if (!isTrue) this.violations.push(violation)
  }

  /** Follows a statement to its end, counts it, and returns how it ended. */
  async follow(ctx: Context, statement: Promise<unknown>, what: string): Promise<Ending> {
    const ending = await Promise.race([
      statement.then(
        (): Ending => 'completed',
        (error: unknown): Ending => {
          if (error === ctx.err) return 'ended with its context'
          if (error instanceof CommitUnknownError) return 'commit unknown'
          return 'failed with an error of the database'
        },
      ),
      sleep(background(), HANG_MS).then((): Ending => 'hung'),
    ])
    this.count(`${what}: ${ending}`)
    this.assert(ending !== 'hung', `${what} hung`)
    return ending
  }

  /** Asserts that the clients of `pool` are returned, and that the server no longer works for them. */
  async settles(pool: Pool, access: Access, name: string): Promise<void> {
    const isFree = () => pool.idleCount === pool.totalCount && pool.waitingCount === 0
    this.assert(await comesTrue(isFree), `${pool.totalCount - pool.idleCount} clients were not returned`)
    const observer = await observe(access)
    const isIdle = async () => (await observer.sessions(name)).every(({ state }) => state === 'idle')
    this.assert(await comesTrue(isIdle), `the server still works for ${JSON.stringify(await observer.sessions(name))}`)
    await observer.end()
  }
}

export type Ending =
  | 'completed'
  | 'ended with its context'
  | 'commit unknown'
  | 'failed with an error of the database'
  | 'hung'

/** Whether `isTrue` becomes true in time. */
export async function comesTrue(isTrue: () => boolean | Promise<boolean>): Promise<boolean> {
  const end = performance.now() + HANG_MS
  while (!(await isTrue())) {
    if (performance.now() > end) return false
    await sleep(background(), 5)
  }
  return true
}

/** A pool that survives faults of its server. */
export function toughPool(access: Access, name: string, max: number): Pool {
  const pool = new Pool({ ...access, application_name: name, max, connectionTimeoutMillis: 5_000 })
  // The pool reports errors of idle clients here; without a listener they would end the process.
  pool.on('error', () => {})
  return pool
}
