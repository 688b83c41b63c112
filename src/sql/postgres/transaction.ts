/** The connection of a transaction of PostgreSQL, and the cursors in it. */

import type { Context } from '../../context.ts'
import type { Params } from '../database.ts'
import { CommitUnknownError, TransactionDoneError } from '../errors.ts'
import { isAnswered, settlesWithin } from '../grace.ts'
import { changesOf } from './client.ts'
import type { Connection } from './connection.ts'
import { refuse, refuseSeveral } from './statements.ts'
import type { Source } from './statements.ts'
import { OWN } from '../statements.ts'
import type { StatementResult, OuterPort, PortCursor } from '../transaction.ts'

/** The target time of a batch: the first row arrives at once, and many rows need few round trips. */
const BATCH_MS = 10
const LARGEST_BATCH = 1_000

export class PostgresTransactionPort implements OuterPort {
  readonly #connection: Connection
  readonly #source: Source
  #cursors = 0
  /** The first error of a statement. After it, the server accepts only a rollback. */
  #failure: unknown

  constructor(connection: Connection, source: Source) {
    this.#connection = connection
    this.#source = source
  }

  get grace(): number {
    return this.#connection.grace
  }

  get isOpen(): boolean {
    return this.#connection.isOpen
  }

  get loss(): unknown {
    return this.#connection.loss
  }

  refuse(sql: string): void {
    refuse(sql, 'transaction', this.#source)
  }

  async run(ctx: Context, sql: string, params?: Params): Promise<StatementResult> {
    try {
      const result = await this.#connection.run(ctx, sql, params)
      this.#failure = undefined
      return { rows: result.rows, changes: changesOf(result) }
    } catch (error) {
      this.#failure ??= error
      throw error
    }
  }

  async open(ctx: Context, sql: string, params?: Params): Promise<PortCursor> {
    refuseSeveral(sql)
    const name = `${OWN}${++this.#cursors}`
    await this.run(ctx, `DECLARE ${name} NO SCROLL CURSOR FOR ${sql}`, params)
    let size = 1
    return {
      next: async (ctx) => {
        const start = performance.now()
        const { rows } = await this.run(ctx, `FETCH ${size} FROM ${name}`)
        const isSlow = performance.now() - start > BATCH_MS
        size = isSlow ? Math.max(size >> 1, 1) : Math.min(2 * size, LARGEST_BATCH)
        return rows
      },
      close: async (ctx) => {
        await this.run(ctx, `CLOSE ${name}`)
      },
    }
  }

  async commit(ctx: Context): Promise<void> {
    const connection = this.#connection
    const committing = connection.finish('COMMIT')
    try {
      if (!(await isAnswered(ctx, committing, connection.grace))) {
        connection.destroy(new Error(`the commit was not answered within ${connection.grace} ms`))
        throw new CommitUnknownError(ctx.err)
      }
      const { command } = await committing.catch((error: unknown) => {
        throw connection.loss === undefined ? error : new CommitUnknownError(error)
      })
      // The server's answer to a commit after an error.
      if (command === 'ROLLBACK') throw new TransactionDoneError(this.#failure)
    } finally {
      void connection.free()
    }
  }

  async release(ctx: Context, name: string): Promise<void> {
    const connection = this.#connection
    const releasing = connection.finish(`RELEASE ${name}`)
    if (!(await isAnswered(ctx, releasing, connection.grace))) {
      connection.destroy(new Error(`the release was not answered within ${connection.grace} ms`))
    }
    await releasing.catch((error: unknown) => {
      // After an error of a statement, the server refuses the release.
      throw new TransactionDoneError(this.#failure ?? error)
    })
  }

  async rollbackTo(name: string): Promise<void> {
    const connection = this.#connection
    const rollingBack = connection.finish(`ROLLBACK TO ${name}; RELEASE ${name}`)
    if (!(await settlesWithin(rollingBack, connection.grace))) {
      connection.destroy(new Error(`the rollback was not answered within ${connection.grace} ms`))
    }
    await rollingBack
    this.#failure = undefined
    // A cancel that is still in flight would hit the next statement.
    if (!(await connection.isSettled())) throw new Error('a pooler may still deliver a cancel to this connection')
  }

  async rollback(): Promise<void> {
    const connection = this.#connection
    const rollingBack = connection.finish('ROLLBACK')
    if (!(await settlesWithin(rollingBack, connection.grace))) {
      connection.destroy(new Error(`the rollback was not answered within ${connection.grace} ms`))
    }
    await rollingBack.catch((error: unknown) => connection.destroy(error))
    void connection.free()
  }
}
