/**
 * The deadline in the server, so that it applies even if this process dies: a `statement_timeout` for the transaction.
 * It is never set for the session, not even temporarily: behind a pooler, the statement that resets it may reach
 * another connection of the server, and the timeout would stop statements of other clients.
 */

import type { Row } from '../database.ts'
import type { PostgresResult } from './client.ts'

/** By how many milliseconds the server's timeout may exceed the remaining time before it is set again. */
const BEHIND = 100

/** Commands that neither change a setting nor save one, as a savepoint does. */
const PLAIN: ReadonlySet<string> = /* @__PURE__ */ new Set([
  'SELECT',
  'INSERT',
  'UPDATE',
  'DELETE',
  'MERGE',
  'DECLARE',
  'FETCH',
  'CLOSE',
])

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 }

/** A timeout that we have set, and the user's timeout that it replaces, in the format of the server. */
interface Timeout {
  readonly ours: string
  readonly users: string
}

/** The timeout of the statements in one transaction, which may be that of a single statement. */
export class Limit {
  /** The timeout that we set last. */
  #last: Timeout | undefined
  /** Earlier timeouts, ours with the user's, which ROLLBACK TO a savepoint may restore. */
  readonly #saved = new Map<string, string>()
  /** The timeout that we set last, in milliseconds; NaN if another one may be in effect. */
  #ms = Infinity

  /** Whether the timeout in effect is right for a statement with `ms` milliseconds. */
  isInPlace(ms: number): boolean {
    return ms === this.#ms || (ms < this.#ms && ms > this.#ms - BEHIND)
  }

  /**
   * SQL that sets the timeout to `ms` milliseconds, unless the user's timeout is shorter. The user's timeout is the one
   * in effect, or, if that is ours, the one that ours has replaced.
   */
  ahead(ms: number): string {
    const current = "current_setting('statement_timeout')"
    const made = new Map(this.#saved)
    if (this.#last) made.set(this.#last.ours, this.#last.users)
    const cases = Array.from(made, ([ours, users]) => `WHEN '${ours}' THEN '${users}'`)
    const users = cases.length > 0 ? `CASE ${current} ${cases.join(' ')} ELSE ${current} END` : current
    const shorter = `CASE WHEN users::interval BETWEEN '1us' AND '${ms}ms' THEN users ELSE '${ms}' END`
    const ours = `set_config('statement_timeout', ${ms === Infinity ? 'users' : shorter}, true)`
    return `SELECT users, ${ours} AS ours FROM (SELECT ${users} AS users) AS timeout`
  }

  /** Stores the row of `ahead(ms)`. */
  note(row: Row, ms: number): void {
    this.#last = row as unknown as Timeout
    this.#ms = ms
  }

  /** Notes that a command has run, which may have changed the timeout or saved it. */
  noteCommand(command: string): void {
    if (!this.#last || PLAIN.has(command)) return
    this.#saved.set(this.#last.ours, this.#last.users)
    this.#ms = Number.NaN
  }

  /**
   * SQL that begins a transaction with a timeout of `ms` milliseconds for a statement, and of `idle` between two of
   * them. It uses no SELECT: that would take a snapshot, after which the isolation level cannot be set.
   */
  beginning(begin: string, ms: number, idle: number): string {
    const show = 'SHOW statement_timeout; SHOW idle_in_transaction_session_timeout'
    const set = `SET LOCAL statement_timeout = ${ms}; SET LOCAL idle_in_transaction_session_timeout = ${idle}`
    return `${begin}; ${show}; ${set}; SHOW statement_timeout`
  }

  /** Stores the results of `beginning`. Returns SQL that restores shorter timeouts of the user, or empty text. */
  noteBeginning(results: readonly PostgresResult[], ms: number, idle: number): string {
    const [users = '', usersIdle = '', ours = ''] = results.flatMap(({ rows }) => rows.map(shown))
    const isShorter = isWithin(users, ms)
    this.#last = { ours, users }
    this.#ms = ms
    return [
      ...(isShorter ? [`SET LOCAL statement_timeout = '${users}'`] : []),
      ...(isWithin(usersIdle, idle) ? [`SET LOCAL idle_in_transaction_session_timeout = '${usersIdle}'`] : []),
    ].join('; ')
  }
}

/**
 * Converts milliseconds for the server: an integer in its range, and not 0, which would mean no limit. The result is
 * always odd, to distinguish it from timeouts of users, which are round numbers.
 */
export function wholeMs(ms: number): number {
  return (Math.min(Math.max(Math.ceil(ms), 1), 2 ** 31 - 1) - 1) | 1
}

/** Whether `timeout`, in the format of the server, is at most `ms` milliseconds. False for 0, which means no limit. */
function isWithin(timeout: string, ms: number): boolean {
  const [, count = '0', unit = 'ms'] = /^(\d+)(\D*)$/.exec(timeout) ?? []
  const length = Number(count) * (UNITS[unit] ?? 1)
  return length > 0 && length <= ms
}

/** The only value of the row of a SHOW. */
function shown(row: Row): string {
  return String(Object.values(row)[0])
}
