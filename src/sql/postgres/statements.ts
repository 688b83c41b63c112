/**
 * Which statements of PostgreSQL are refused, and which run without the statement that sets their timeout. A statement
 * is refused if it would have another effect than it says: on a pool it runs on any connection, and a change of that
 * connection affects later users. Calls of functions such as `set_config` or `pg_advisory_lock` are not detected: they
 * need a pinned connection, see docs/databases.md.
 */

import { refuseControl, refused, statementsOf } from '../statements.ts'
import type { Place, Words } from '../statements.ts'

/** What a statement runs on: any connection of a pool, or the client that the user has passed. */
export type Source = 'pool' | 'client'

const PIN = 'pin a connection, with postgres(await pool.connect())'

/**
 * Statements that take no snapshot. A SELECT ahead would take one: then `SET TRANSACTION` fails, and a `LOCK` comes too
 * late to exclude concurrent changes. Except for `LOCK`, none of them takes long, so they need no timeout.
 */
const WITHOUT_SNAPSHOT: ReadonlySet<string> = /* @__PURE__ */ new Set([
  'CHECKPOINT',
  'CLOSE',
  'DEALLOCATE',
  'DISCARD',
  'LISTEN',
  'LOCK',
  'NOTIFY',
  'RELEASE',
  'RESET',
  'ROLLBACK',
  'SAVEPOINT',
  'SET',
  'SHOW',
  'UNLISTEN',
])

/** Statements that may commit inside, but not if another statement runs ahead in the same transaction. */
const COMMITTING: ReadonlySet<string> = /* @__PURE__ */ new Set(['CALL', 'DO'])

/** @throws TypeError if a statement of `text` is refused */
export function refuse(text: string, place: Place, source: Source): void {
  const statements = statementsOf(text, 'postgres')
  refuseControl(statements, place)
  for (const words of statements) {
    const instead = insteadOfCopy(words) ?? (source === 'pool' ? insteadOnPool(words, place) : undefined)
    if (instead !== undefined) throw refused(nameOf(words), instead)
  }
  const [only] = statements
  if (place === 'database' && statements.length === 1 && only && isOfTransaction(only)) {
    throw refused(
      nameOf(only),
      'it would end with the statement; use it in withTransaction, or use its option isolation',
    )
  }
}

/** @throws TypeError if `text` has several statements: a cursor reads one */
export function refuseSeveral(text: string): void {
  if (isSeveral(text)) throw refused('a text of several statements', 'only one statement can be read as a stream')
}

export function isSeveral(text: string): boolean {
  return text.includes(';') && statementsOf(text, 'postgres').length > 1
}

/** Whether a SELECT that sets the timeout may run ahead of `text`. */
export function takesLimit(text: string, place: Place): boolean {
  const [[first = ''] = []] = statementsOf(text, 'postgres')
  return !WITHOUT_SNAPSHOT.has(first) && !(place === 'database' && COMMITTING.has(first))
}

/** The alternative to a COPY whose data is sent over the connection, where node-postgres drops it. */
function insteadOfCopy(words: Words): string | undefined {
  if (words[0] !== 'COPY') return undefined
  const isOverLine = ['STDIN', 'STDOUT'].some((end) => hasPair(words, 'FROM', end) || hasPair(words, 'TO', end))
  if (!isOverLine) return undefined
  return 'its data would be lost; use pg-copy-streams on a separate Client, or SELECT and INSERT'
}

/** The alternative to a statement that would change a connection of the pool permanently; undefined if it does not. */
function insteadOnPool(words: Words, place: Place): string | undefined {
  const [first] = words
  switch (first) {
    case 'LISTEN':
    case 'UNLISTEN':
      return 'its notifications would arrive at a connection without a listener; use a separate Client'
    case 'SET':
    case 'RESET':
      if (isOfTransaction(words)) return undefined
      return place === 'transaction' ? 'it would outlive the transaction; use SET LOCAL' : outlives(PIN)
    case 'CREATE':
      if (!isTemporary(words) || hasPair(words, 'COMMIT', 'DROP')) return undefined
      return outlives(`use ON COMMIT DROP in a transaction, or ${PIN}`)
    case 'DECLARE':
      return hasPair(words, 'WITH', 'HOLD') ? outlives('use queryStream') : undefined
    case 'DISCARD':
    case 'LOAD':
    case 'PREPARE':
    case 'DEALLOCATE':
      return outlives(PIN)
    default:
      return undefined
  }
}

/** Whether it is `CREATE [OR REPLACE] [GLOBAL | LOCAL] TEMPORARY …`; a table called `temp` does not count. */
function isTemporary(words: Words): boolean {
  const before = new Set(['CREATE', 'OR', 'REPLACE', 'GLOBAL', 'LOCAL'])
  const kind = words.find((word) => !before.has(word))
  return kind === 'TEMP' || kind === 'TEMPORARY'
}

function hasPair(words: Words, first: string, second: string): boolean {
  return words.some((word, index) => word === second && words[index - 1] === first)
}

function outlives(instead: string): string {
  return `it would stay in effect on one connection of the pool; ${instead}`
}

/** Whether it has an effect only on its transaction. */
function isOfTransaction([first, second]: Words): boolean {
  return first === 'SET' && (second === 'LOCAL' || second === 'TRANSACTION' || second === 'CONSTRAINTS')
}

function nameOf(words: Words): string {
  const [first = '', second] = words
  if (first === 'COPY') return words.includes('STDIN') ? 'COPY FROM STDIN' : 'COPY TO STDOUT'
  if (first === 'CREATE') return 'CREATE TEMPORARY'
  if (first === 'DECLARE') return 'DECLARE WITH HOLD'
  return isOfTransaction(words) ? `SET ${second as string}` : first
}
