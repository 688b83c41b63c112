/**
 * The connection inside of the worker: runs statements, keeps the cursors, and knows whether a transaction is open, by
 * asking SQLite: an interrupted write takes its transaction back by itself, an interrupted read does not.
 */

import type { BindableValue, Database, PreparedStatement, Sqlite3Static } from '@sqlite.org/sqlite-wasm'
import type { Row } from '../database.ts'
import type { Result } from './protocol.ts'
import { Script } from './script.ts'
import type { ScriptStatement } from './script.ts'
import { STEPS } from './stop.ts'
import type { Stopper } from './stop.ts'

/** A batch of rows is full after so many, or after so many milliseconds. */
const BATCH = 256
const BATCH_MS = 8

/** How long the worker is deaf where only a message can stop it. */
const DEAF_MS = 10

/** What begins or ends a transaction, fails in one, or has no effect there. */
const ALONE: ReadonlySet<string> = new Set(
  'ATTACH BEGIN COMMIT DETACH END PRAGMA RELEASE ROLLBACK SAVEPOINT VACUUM'.split(' '),
)

/** The statement was to stop before it began, or between two rows. */
export class Interrupted extends Error {
  constructor() {
    super('interrupted')
  }
}

interface OpenCursor {
  readonly statement: PreparedStatement
  readonly columns: readonly string[]
  readonly isInTransaction: boolean
}

export class Session {
  readonly #sqlite3: Sqlite3Static
  readonly #db: Database
  readonly #stopper: Stopper
  readonly #cursors = new Map<number, OpenCursor>()
  /** Whether the transaction is one that `run` has begun. */
  #isOurs = false
  /** The setting of the connection that a transaction has replaced with one of its own. */
  #queryOnly: unknown
  #heard = 0
  #lastCursor = 0

  constructor(sqlite3: Sqlite3Static, db: Database, stopper: Stopper) {
    this.#sqlite3 = sqlite3
    this.#db = db
    this.#stopper = stopper
    sqlite3.capi.sqlite3_progress_handler(this.#pointer, STEPS, () => (stopper.stops ? 1 : 0), 0)
  }

  get isOpen(): boolean {
    return this.#db.pointer !== undefined && this.#sqlite3.capi.sqlite3_get_autocommit(this.#pointer) === 0
  }

  /**
   * Runs the statements of `sql`, which take their parameters one after the other; the rows are those of the last. Of
   * several that are in no transaction, all last or none.
   */
  async run(sql: string, params: readonly unknown[]): Promise<Result> {
    try {
      const result = await this.#runAll(sql, params)
      this.#endOurs('COMMIT')
      return result
    } catch (error) {
      this.#endOurs('ROLLBACK')
      throw error
    }
  }

  async #runAll(sql: string, params: readonly unknown[]): Promise<Result> {
    const { capi } = this.#sqlite3
    let result: Result = { rows: [], changes: 0 }
    let used = 0
    let total = capi.sqlite3_total_changes(this.#pointer)
    const script = new Script(this.#sqlite3, this.#db, sql)
    try {
      for (let next = script.next(); next; next = script.next()) {
        const { statement, word, isLast } = next
        try {
          used += this.#bind(statement, params, used)
          if (isLast) assertUsed(params, used)
          if (ALONE.has(word)) this.#endOurs('COMMIT')
          else if (!isLast) this.#beginOurs()
          const { rows } = await this.#read(statement, columnsOf(statement), Infinity, Infinity)
          const before = total
          total = capi.sqlite3_total_changes(this.#pointer)
          const changed = total === before ? 0 : capi.sqlite3_changes(this.#pointer)
          result = { rows, changes: result.changes + changed }
          if (this.#stopper.mechanism === 'deadline' && !isLast) await this.#listen()
        } finally {
          statement.finalize()
        }
      }
    } finally {
      script.free()
    }
    return result
  }

  /** Opens a cursor. What writes is run at once: it would block every commit while it is open. */
  async open(sql: string, params: readonly unknown[]): Promise<Result> {
    const { capi } = this.#sqlite3
    const { statement, isLast } = this.#first(sql)
    const id = ++this.#lastCursor
    try {
      if (capi.sqlite3_stmt_readonly(statement) === 0) return await this.run(sql, params)
      if (!isLast) throw new Error('only one statement can be read')
      assertUsed(params, this.#bind(statement, params, 0))
      this.#cursors.set(id, { statement, columns: columnsOf(statement), isInTransaction: this.isOpen })
      return { rows: [], changes: 0, cursor: id }
    } finally {
      if (!this.#cursors.has(id)) statement.finalize()
    }
  }

  async next(id: number): Promise<Result> {
    const cursor = this.#cursors.get(id)
    if (!cursor) return { rows: [], changes: 0 }
    let isLast = true
    try {
      const batch = await this.#read(cursor.statement, cursor.columns, BATCH, BATCH_MS)
      ;({ isLast } = batch)
      return { rows: batch.rows, changes: 0 }
    } finally {
      // Another step would start it anew.
      if (isLast) this.discard(id)
    }
  }

  discard(id: number): void {
    this.#cursors.get(id)?.statement.finalize()
    this.#cursors.delete(id)
  }

  begin(readOnly?: boolean): void {
    this.#db.exec('BEGIN')
    if (readOnly === undefined) return
    this.#queryOnly = this.#db.selectValue('PRAGMA query_only')
    this.#db.exec(`PRAGMA query_only = ${Number(readOnly)}`)
  }

  /** A commit that fails must not leave the transaction behind. */
  commit(): void {
    this.#discardInTransaction()
    try {
      this.#db.exec('COMMIT')
      this.#restore()
    } catch (error) {
      this.rollback()
      throw error
    }
  }

  rollback(): void {
    this.#discardInTransaction()
    if (this.isOpen) this.#db.exec('ROLLBACK')
    this.#restore()
  }

  close(): void {
    for (const id of this.#cursors.keys()) this.discard(id)
    this.#db.close()
  }

  get #pointer(): number {
    return this.#db.pointer as number
  }

  /** The first statement, which outlives the text. */
  #first(sql: string): ScriptStatement {
    const script = new Script(this.#sqlite3, this.#db, sql)
    try {
      const first = script.next()
      if (!first) throw new Error('there is no statement in the text')
      return first
    } finally {
      script.free()
    }
  }

  #beginOurs(): void {
    if (this.#isOurs || this.isOpen) return
    this.begin()
    this.#isOurs = true
  }

  /** An interrupted write has ended it already. */
  #endOurs(how: 'COMMIT' | 'ROLLBACK'): void {
    if (this.#isOurs && this.isOpen) this.#db.exec(how)
    this.#isOurs = false
  }

  /** The setting must not outlive the transaction. */
  #restore(): void {
    if (this.#queryOnly !== undefined) this.#db.exec(`PRAGMA query_only = ${Number(this.#queryOnly)}`)
    this.#queryOnly = undefined
  }

  #discardInTransaction(): void {
    for (const [id, { isInTransaction }] of this.#cursors) if (isInTransaction) this.discard(id)
  }

  #bind(statement: PreparedStatement, params: readonly unknown[], from: number): number {
    const count = statement.parameterCount
    const values = params.slice(from, from + count)
    if (values.length < count) throw new Error(`${params.length} parameters were given, ${from + count} are needed`)
    if (count > 0) statement.bind(values as BindableValue[])
    return count
  }

  async #read(
    statement: PreparedStatement,
    columns: readonly string[],
    count: number,
    ms: number,
  ): Promise<{ rows: Row[]; isLast: boolean }> {
    const rows: Row[] = []
    const end = ms < Infinity ? performance.now() + ms : Infinity
    if (this.#stopper.stops) throw new Interrupted()
    while (rows.length < count) {
      if (!statement.step()) return { rows, isLast: true }
      if (columns.length > 0) rows.push(rowOf(columns, statement.get([])))
      if (this.#stopper.mechanism === 'deadline') await this.#listen()
      if (end < Infinity && performance.now() >= end) break
    }
    return { rows, isLast: false }
  }

  /** Lets messages in, now and then. */
  async #listen(): Promise<void> {
    if (performance.now() - this.#heard < DEAF_MS) return
    await new Promise<void>((resolve) => {
      setTimeout(resolve)
    })
    this.#heard = performance.now()
    if (this.#stopper.stops) throw new Interrupted()
  }
}

function columnsOf(statement: PreparedStatement): readonly string[] {
  return statement.columnCount > 0 ? statement.getColumnNames([]) : []
}

function rowOf(columns: readonly string[], values: readonly unknown[]): Row {
  const row: Row = {}
  for (let index = 0; index < columns.length; index++) {
    const column = columns[index] as string
    // An assignment to `__proto__` would make no property of it.
    if (column in row) Object.defineProperty(row, column, { ...PLAIN, value: values[index] })
    else row[column] = values[index]
  }
  return row
}

const PLAIN: PropertyDescriptor = { configurable: true, enumerable: true, writable: true }

function assertUsed(params: readonly unknown[], used: number): void {
  if (params.length > used) throw new Error(`${params.length} parameters were given, ${used} are needed`)
}
