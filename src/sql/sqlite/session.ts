/**
 * The connection in the worker. It runs statements and holds the cursors. It asks SQLite whether a transaction is open:
 * an interrupted write rolls back the transaction, an interrupted read does not.
 */

import type { BindableValue, Database, PreparedStatement, Sqlite3Static } from '@sqlite.org/sqlite-wasm'
import type { Row } from '../database.ts'
import type { Result } from './protocol.ts'
import { Script } from './script.ts'
import type { ScriptStatement } from './script.ts'
import { STEPS } from './stop.ts'
import type { Stopper } from './stop.ts'

/** The largest number of rows in a batch, and the longest time for it in milliseconds. */
const BATCH = 256
const BATCH_MS = 8

/** The interval in which the worker receives messages, if only a message can stop it, in milliseconds. */
const DEAF_MS = 10

/** Statements that begin or end a transaction, fail in one, or have no effect in one. */
const ALONE: ReadonlySet<string> = new Set(
  'ATTACH BEGIN COMMIT DETACH END PRAGMA RELEASE ROLLBACK SAVEPOINT VACUUM'.split(' '),
)

/** The error of a statement that was stopped before it began or between two rows. */
export class Interrupted extends Error {
  constructor() {
    super('interrupted')
  }
}

interface OpenCursor {
  readonly statement: PreparedStatement
  readonly isInTransaction: boolean
}

export class Session {
  readonly #sqlite3: Sqlite3Static
  readonly #db: Database
  readonly #stopper: Stopper
  readonly #cursors = new Map<number, OpenCursor>()
  /** Whether `run` has begun the transaction. */
  #isOurs = false
  /** The connection's `query_only` before the transaction changed it; undefined if it did not. */
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
    return this.#sqlite3.capi.sqlite3_get_autocommit(this.#pointer) === 0
  }

  /**
   * Runs the statements of `sql`, which use `params` one after the other. The result has the rows of the last
   * statement. Outside a transaction, either all of several statements take effect or none.
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
    const isInside = this.isOpen
    let result: Result = { rows: [], changes: 0 }
    let used = 0
    let total = capi.sqlite3_total_changes(this.#pointer)
    const script = new Script(this.#sqlite3, this.#db, sql)
    try {
      for (let next = script.next(); next; next = script.next()) {
        const { statement, word, isLast } = next
        try {
          if (isInside && !this.isOpen) throw new Error('the transaction is over: a statement of the text has ended it')
          used += this.#bind(statement, params, used)
          if (isLast) assertUsed(params, used)
          if (ALONE.has(word)) this.#endOurs('COMMIT')
          else if (!isLast || this.#mustBegin(statement)) this.#beginOurs()
          const { rows } = await this.#read(statement, Infinity, Infinity)
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

  /** Opens a cursor. A statement that writes is run completely instead: while open, it would block every commit. */
  async open(sql: string, params: readonly unknown[]): Promise<Result> {
    const { statement, isLast } = this.#first(sql)
    const id = ++this.#lastCursor
    try {
      if (this.#writes(statement)) return await this.run(sql, params)
      if (!isLast) throw new Error('only one statement can be read')
      assertUsed(params, this.#bind(statement, params, 0))
      this.#cursors.set(id, { statement, isInTransaction: this.isOpen })
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
      const batch = await this.#read(cursor.statement, BATCH, BATCH_MS)
      ;({ isLast } = batch)
      return { rows: batch.rows, changes: 0 }
    } finally {
      // Another step would restart the statement.
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

  /** Commits; rolls back if the commit fails. */
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

  /** Closes the database, which also finalizes its statements. */
  close(): void {
    this.#db.close()
  }

  get #pointer(): number {
    return this.#db.pointer as number
  }

  /** Prepares the first statement of `sql`. The statement outlives the text. */
  #first(sql: string): ScriptStatement {
    const script = new Script(this.#sqlite3, this.#db, sql)
    try {
      const first = script.next()
      if (!first) throw new Error('the SQL text contains no statement')
      return first
    } finally {
      script.free()
    }
  }

  #beginOurs(): void {
    if (this.isOpen) return
    this.begin()
    this.#isOurs = true
  }

  /** Ends the transaction that `run` has begun, unless an interrupted write has ended it already. */
  #endOurs(how: 'COMMIT' | 'ROLLBACK'): void {
    if (this.#isOurs && this.isOpen) this.#db.exec(how)
    this.#isOurs = false
  }

  /** Restores the connection's `query_only`. */
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

  /** Whether `statement` needs a transaction: without one, a stop between two of its rows would commit its changes. */
  #mustBegin(statement: PreparedStatement): boolean {
    return this.#stopper.mechanism === 'deadline' && this.#writes(statement)
  }

  #writes(statement: PreparedStatement): boolean {
    return this.#sqlite3.capi.sqlite3_stmt_readonly(statement) === 0
  }

  async #read(statement: PreparedStatement, count: number, ms: number): Promise<{ rows: Row[]; isLast: boolean }> {
    const rows: Row[] = []
    let columns: readonly string[] | undefined
    const end = performance.now() + ms
    if (this.#stopper.stops) throw new Interrupted()
    while (rows.length < count) {
      if (!statement.step()) return { rows, isLast: true }
      // Not before the first step, which prepares the statement again if the schema has changed.
      columns ??= statement.getColumnNames([])
      rows.push(rowOf(columns, statement.get([])))
      if (this.#stopper.mechanism === 'deadline') await this.#listen()
      if (end < Infinity && performance.now() >= end) break
    }
    return { rows, isLast: false }
  }

  /** Returns to the event loop from time to time, to receive messages. */
  async #listen(): Promise<void> {
    if (performance.now() - this.#heard < DEAF_MS) return
    await new Promise<void>((resolve) => {
      setTimeout(resolve)
    })
    this.#heard = performance.now()
    if (this.#stopper.stops) throw new Interrupted()
  }
}

function rowOf(columns: readonly string[], values: readonly unknown[]): Row {
  const row: Row = {}
  for (let index = 0; index < columns.length; index++) {
    const column = columns[index] as string
    // An assignment to `__proto__` would not make a property.
    if (column in row) Object.defineProperty(row, column, { ...PLAIN, value: values[index] })
    else row[column] = values[index]
  }
  return row
}

const PLAIN: PropertyDescriptor = { configurable: true, enumerable: true, writable: true }

function assertUsed(params: readonly unknown[], used: number): void {
  if (params.length > used) throw new Error(`${params.length} parameters were given, ${used} are needed`)
}
