/**
 * Which statements PostgreSQL is not sent, and which get no deadline ahead of them. Refused is what would silently do
 * something else than it says: on a pool a statement has some connection, and what it leaves there is for others.
 * Functions such as `set_config` or `pg_advisory_lock` cannot be told by words: they need a pinned connection, as
 * docs/databases.md says.
 */

import { refuseControl, refused, statementsOf } from '../statements.ts'
import type { Place, Words } from '../statements.ts'

/** What a statement runs on: some connection of a pool, or the one that the user has chosen. */
export type Source = 'pool' | 'client'

const PIN = 'pin a connection, with postgres(await pool.connect())'

/**
 * What takes no snapshot: a SELECT ahead of it would take one, and from then on neither `SET TRANSACTION` works nor
 * does a `LOCK` hold off what the transaction is not to see. But for `LOCK`, none of them takes long.
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

/** What may commit inside of itself, but not with another statement ahead in the same transaction. */
const COMMITTING: ReadonlySet<string> = /* @__PURE__ */ new Set(['CALL', 'DO'])

/** Throws a TypeError if a statement of `text` is refused. */
export function refuse(text: string, place: Place, source: Source): void {
  const statements = statementsOf(text, 'postgres')
  refuseControl(statements, place)
  for (const words of statements) {
    const instead = insteadOfCopy(words) ?? (source === 'pool' ? insteadOnPool(words, place) : undefined)
    if (instead !== undefined) throw refused(nameOf(words), instead)
  }
  const [only] = statements
  if (place === 'database' && statements.length === 1 && only && isOfTransaction(only)) {
    throw refused(nameOf(only), 'it ends with its statement; use it in withTransaction, or its option isolation')
  }
}

/** Throws a TypeError if `text` is not one statement: a cursor reads one. */
export function refuseSeveral(text: string): void {
  if (isSeveral(text)) throw refused('a text of several statements', 'only one statement can be read as a stream')
}

export function isSeveral(text: string): boolean {
  return text.includes(';') && statementsOf(text, 'postgres').length > 1
}

/** Whether a SELECT that gives the deadline to the server may go ahead of `text`. */
export function takesLimit(text: string, place: Place): boolean {
  const [[first = ''] = []] = statementsOf(text, 'postgres')
  return !WITHOUT_SNAPSHOT.has(first) && !(place === 'database' && COMMITTING.has(first))
}

/** The data of these goes over the connection, where node-postgres drops it. */
function insteadOfCopy(words: Words): string | undefined {
  const isOverLine = ['STDIN', 'STDOUT'].some((end) => hasPair(words, 'FROM', end) || hasPair(words, 'TO', end))
  if (words[0] !== 'COPY' || !isOverLine) return undefined
  return 'its data would be lost; use pg-copy-streams on a client of your own, or SELECT and INSERT'
}

/** What would stay behind on the connection. */
function insteadOnPool(words: Words, place: Place): string | undefined {
  const [first, second] = words
  switch (first) {
    case 'LISTEN':
    case 'UNLISTEN':
      return 'its notifications would come to a connection that nothing listens to; use a Client of its own'
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
    case 'DEALLOCATE':
      return outlives(PIN)
    case 'PREPARE':
      return second === 'TRANSACTION' ? undefined : outlives(PIN)
    default:
      return undefined
  }
}

/** `CREATE [OR REPLACE] [GLOBAL | LOCAL] TEMPORARY …`; a table may have that name. */
function isTemporary(words: Words): boolean {
  const before = new Set(['CREATE', 'OR', 'REPLACE', 'GLOBAL', 'LOCAL'])
  const kind = words.find((word) => !before.has(word))
  return kind === 'TEMP' || kind === 'TEMPORARY'
}

function hasPair(words: Words, first: string, second: string): boolean {
  return words.some((word, index) => word === second && words[index - 1] === first)
}

function outlives(instead: string): string {
  return `it would stay on some connection of the pool; ${instead}`
}

/** Whether it is for the transaction that it is in. */
function isOfTransaction([first, second]: Words): boolean {
  return first === 'SET' && (second === 'LOCAL' || second === 'TRANSACTION' || second === 'CONSTRAINTS')
}

function nameOf(words: Words): string {
  const [first = '', second] = words
  if (first === 'COPY') return words.includes('STDIN') ? 'COPY FROM STDIN' : 'COPY TO STDOUT'
  if (first === 'CREATE') return 'CREATE TEMPORARY'
  if (first === 'DECLARE') return 'DECLARE WITH HOLD'
  return first === 'SET' && isOfTransaction(words) ? `SET ${second as string}` : first
}
