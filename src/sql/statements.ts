/**
 * Splits an SQL text into statements, and finds those that rescind refuses. It reads only words, and skips strings,
 * quoted names and comments by the rules of the engine. Its purpose is an early refusal with a good message. It does
 * not guarantee that no transaction stays open: for that, engines ask their connection.
 */

/** The engine whose rules of quoting apply. */
export type Dialect = 'postgres' | 'sqlite'

/** Where a statement runs: directly on a database, or in a transaction. */
export type Place = 'database' | 'transaction'

/** The first words of a statement that are not in parentheses, in upper case; a quoted name keeps its quotes. */
export type Words = readonly string[]

/** Statements of which we keep all words, because a late one decides whether they are refused. */
const TOLD_LATE: ReadonlySet<string> = /* @__PURE__ */ new Set(['COPY', 'CREATE', 'DECLARE'])
const FIRST_WORDS = 5
const ROUTINE: ReadonlySet<string> = /* @__PURE__ */ new Set(['FUNCTION', 'PROCEDURE', 'TRIGGER'])

/** The prefix in the names of savepoints and cursors of rescind. */
export const OWN = 'rescind_'

const TOKENS: Record<Dialect, RegExp> = {
  postgres: /--[^\n]*|\/\*|['"();]|\$(?:[a-z_\x80-\uffff][\w\x80-\uffff]*)?\$|[a-z_\x80-\uffff][\w$\x80-\uffff]*/gi,
  sqlite: /--[^\n]*|\/\*|['"`[();]|[a-z_\x80-\uffff][\w$\x80-\uffff]*/gi,
}

/** Matches the text before the opening quote of a string with backslash escapes. */
const ESCAPES = /(?:^|[^\w$\x80-\uffff])e$/i

/** A longer text is not kept in memory. */
const MAX_KEPT = 10_000

/** The latest text with its statements: a query reads them several times, and often the next one has the same text. */
let latest: { readonly text: string; readonly dialect: Dialect; readonly statements: readonly Words[] } | undefined

/** Returns the words of each statement in `text`. */
export function statementsOf(text: string, dialect: Dialect): readonly Words[] {
  if (latest?.text === text && latest.dialect === dialect) return latest.statements
  const statements = split(text, dialect)
  if (text.length <= MAX_KEPT) latest = { text, dialect, statements }
  return statements
}

/** In linear time. */
function split(text: string, dialect: Dialect): Words[] {
  const tokens = TOKENS[dialect]
  const isSingle = !text.includes(';')
  const statements: Words[] = []
  let words: string[] = []
  let isEmpty = true
  let parentheses = 0
  // The depth of blocks: the body of a routine or a trigger contains statements.
  let blocks = 0
  tokens.lastIndex = 0
  for (let match = tokens.exec(text); match; match = tokens.exec(text)) {
    const [token] = match
    const start = match.index
    if (token.startsWith('--')) continue
    if (token === '/*') {
      tokens.lastIndex = endOfComment(text, tokens.lastIndex, dialect)
      continue
    }
    if (token === ';') {
      if (parentheses > 0 || blocks > 0) continue
      if (!isEmpty) statements.push(words)
      words = []
      isEmpty = true
      continue
    }
    isEmpty = false
    if (token === '(') parentheses++
    else if (token === ')') parentheses = Math.max(parentheses - 1, 0)
    else {
      const isQuoted = !/^[a-z_\x80-\uffff]/i.test(token)
      if (isQuoted) tokens.lastIndex = endOfQuoted(text, tokens.lastIndex, token, dialect)
      const word = isQuoted ? text.slice(start, tokens.lastIndex) : token.toUpperCase()
      if (words[0] === 'CREATE' && parentheses === 0) blocks += blockStep(word, words, blocks)
      const isWanted = words.length < FIRST_WORDS || TOLD_LATE.has(words[0] as string)
      if (isWanted && parentheses === 0) words.push(word)
      else if (isSingle && !isWanted) break
    }
  }
  if (!isEmpty) statements.push(words)
  return statements
}

/** @throws TypeError if a statement begins or ends a transaction or a savepoint, which `withTransaction` does */
export function refuseControl(statements: readonly Words[], place: Place): void {
  for (const words of statements) {
    const instead = place === 'database' ? besides(words) : inside(words)
    if (instead !== undefined) throw refused(named(words), instead)
  }
}

/** Makes the error for a refused statement: its name, and the alternative. */
export function refused(name: string, instead: string): TypeError {
  return new TypeError(`rescind: ${name} is refused: ${instead}`)
}

/** Makes the error for a statement after which the connection was in a transaction, whatever its words were. */
export function leftOpen(): TypeError {
  return refused('a statement that leaves a transaction open', 'it was rolled back; call withTransaction(ctx, db, fn)')
}

/** The alternative to a statement on a database, where no transaction may stay open; undefined if it is allowed. */
function besides(words: Words): string | undefined {
  const [first] = words
  if (isPrepared(words)) return undefined
  if (isSavepoint(words)) {
    return 'call withTransaction(ctx, db, fn), and in it withTransaction(ctx, tx, fn), which is a savepoint'
  }
  if (first === 'BEGIN' || first === 'START') {
    return 'a transaction would stay open on a connection that others use; call withTransaction(ctx, db, fn)'
  }
  if (!isEnd(words)) return undefined
  return 'withTransaction(ctx, db, fn) commits when fn returns, and rolls back when it throws'
}

/** The alternative to a statement in a transaction, which only `withTransaction` ends; undefined if it is allowed. */
function inside(words: Words): string | undefined {
  const [first] = words
  if (isPrepared(words)) return undefined
  if (isSavepoint(words)) {
    const isOwn = words.some((word) => word.replace(/^\W/, '').toLowerCase().startsWith(OWN))
    return isOwn ? `names that begin with ${OWN} are reserved for nested transactions` : undefined
  }
  if (first === 'BEGIN' || first === 'START') return 'call withTransaction(ctx, tx, fn), which is a savepoint'
  if (!isEnd(words)) return undefined
  return 'to commit, return from the function of withTransaction; to roll back, throw'
}

function isSavepoint([first, ...rest]: Words): boolean {
  return first === 'SAVEPOINT' || first === 'RELEASE' || (first === 'ROLLBACK' && rest.includes('TO'))
}

function isEnd([first, second]: Words): boolean {
  if (first === 'PREPARE') return second === 'TRANSACTION'
  return first === 'COMMIT' || first === 'END' || first === 'ROLLBACK' || first === 'ABORT'
}

/** Whether it is the second phase of a two-phase commit, which does not affect the current transaction. */
function isPrepared([first, second]: Words): boolean {
  return (first === 'COMMIT' || first === 'ROLLBACK') && second === 'PREPARED'
}

function named(words: Words): string {
  const [first = '', second] = words
  if (first === 'ROLLBACK' && words.includes('TO')) return 'ROLLBACK TO'
  return second === 'TRANSACTION' ? `${first} TRANSACTION` : first
}

/**
 * The change of the depth by `word`: 1, 0 or -1. Blocks are PostgreSQL's `BEGIN ATOMIC … END` and the body of SQLite's
 * triggers, which do not nest; `CASE` counts as well, since it has an `END`.
 */
function blockStep(word: string, words: Words, blocks: number): number {
  if (blocks > 0) return word === 'CASE' ? 1 : word === 'END' ? -1 : 0
  return word === 'BEGIN' && words.some((word) => ROUTINE.has(word)) ? 1 : 0
}

/** The index after a comment. In PostgreSQL, comments nest. */
function endOfComment(text: string, from: number, dialect: Dialect): number {
  const marks = /\/\*|\*\//g
  marks.lastIndex = from
  let depth = 1
  for (let mark = marks.exec(text); mark; mark = marks.exec(text)) {
    if (mark[0] === '*/') depth--
    else if (dialect === 'postgres') depth++
    if (depth === 0) return marks.lastIndex
  }
  return text.length
}

/** The index after a quoted text. A doubled quote is taken as two adjacent texts, with the same result. */
function endOfQuoted(text: string, from: number, quote: string, dialect: Dialect): number {
  const before = text.slice(Math.max(from - 3, 0), from - 1)
  if (dialect === 'postgres' && quote === "'" && ESCAPES.test(before)) return endOfEscaped(text, from)
  const close = quote === '[' ? ']' : quote
  const end = text.indexOf(close, from)
  return end < 0 ? text.length : end + close.length
}

/** The index after a string with backslash escapes: `E'…'`. */
function endOfEscaped(text: string, from: number): number {
  const marks = /\\[^]|'/g
  marks.lastIndex = from
  for (let mark = marks.exec(text); mark; mark = marks.exec(text)) if (mark[0] === "'") return marks.lastIndex
  return text.length
}
