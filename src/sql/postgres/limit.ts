/**
 * The deadline as the server has it, so that it holds even if this process is gone: a `statement_timeout` for the
 * transaction. Never for the session, not even to be taken back: behind a pooler the next statement, and the taking
 * back, may reach another connection of the server, and the timeout would end queries of strangers.
 */

import type { Row } from '../database.ts'
import type { PostgresResult } from './client.ts'

/** How far the server's timeout may fall behind the deadline before it is set again. */
const BEHIND = 100

/** Commands that neither change a setting nor keep one for later, as a savepoint does. */
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

/** A timeout that we have set, and the one of the user in whose place it is, as the server writes them. */
interface Timeout {
  readonly ours: string
  readonly users: string
}

/** The limit of the statements of one transaction, be it of a single statement only. */
export class Limit {
  /** The timeout that we have set last. */
  #last: Timeout | undefined
  /** Those of before that a ROLLBACK TO a savepoint may bring back: the user's by ours. */
  readonly #saved = new Map<string, string>()
  /** What we have set last, in milliseconds; NaN if it may be in force no more. */
  #ms = Infinity

  /** Whether a timeout of ours may be in force. */
  get isSet(): boolean {
    return this.#last !== undefined
  }

  /** Whether a statement that may take `ms` milliseconds needs nothing ahead of it. */
  isInPlace(ms: number): boolean {
    return ms === this.#ms || (ms < this.#ms && ms > this.#ms - BEHIND)
  }

  /**
   * SQL that gives the server `ms` milliseconds for a statement, unless the user gave it less. The user's timeout is
   * the one in force, if it is not of our making, and otherwise the one in whose place we have put ours.
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

  /** Takes in what `ahead(ms)` came to. */
  note({ rows }: PostgresResult, ms: number): void {
    this.#last = rows[0] as unknown as Timeout
    this.#ms = ms
  }

  /** Takes in that a statement was run, which may have changed the timeout or kept it for later. */
  noteCommand(command: string): void {
    if (!this.#last || PLAIN.has(command)) return
    this.#saved.set(this.#last.ours, this.#last.users)
    this.#ms = Number.NaN
  }

  /**
   * SQL that begins a transaction whose statements have `ms` milliseconds, and `idle` between two of them. It takes no
   * snapshot, as a SELECT would: after that no isolation level can be set.
   */
  beginning(begin: string, ms: number, idle: number): string {
    const show = 'SHOW statement_timeout; SHOW idle_in_transaction_session_timeout'
    const set = `SET LOCAL statement_timeout = ${ms}; SET LOCAL idle_in_transaction_session_timeout = ${idle}`
    return `${begin}; ${show}; ${set}; SHOW statement_timeout`
  }

  /** Takes in what `beginning` came to. Returns SQL that gives back what the user had shorter; empty if nothing was. */
  noteBeginning(results: readonly PostgresResult[], ms: number, idle: number): string {
    const [users = '', usersIdle = '', ours = ''] = results.flatMap(({ rows }) => rows.map(shown))
    const isShorter = isWithin(users, ms)
    this.#last = { ours: isShorter ? users : ours, users }
    this.#ms = ms
    return [
      ...(isShorter ? [`SET LOCAL statement_timeout = '${users}'`] : []),
      ...(isWithin(usersIdle, idle) ? [`SET LOCAL idle_in_transaction_session_timeout = '${usersIdle}'`] : []),
    ].join('; ')
  }
}

/**
 * Milliseconds as the server takes them: whole, not too many, and not none, which would mean no limit. Always odd:
 * users set round timeouts, and so ours are told from theirs.
 */
export function wholeMs(ms: number): number {
  return (Math.min(Math.max(Math.ceil(ms), 1), 2 ** 31 - 1) - 1) | 1
}

/** Whether `timeout`, as the server writes it, is one and no longer than `ms` milliseconds. Zero means no limit. */
function isWithin(timeout: string, ms: number): boolean {
  const [, count = '0', unit = 'ms'] = /^(\d+)(\D*)$/.exec(timeout) ?? []
  const length = Number(count) * (UNITS[unit] ?? 1)
  return length > 0 && length <= ms
}

/** The only value of the row of a SHOW. */
function shown(row: Row): string {
  return String(Object.values(row)[0])
}
