/**
 * The statements of a text, and those of them that rescind refuses. A text is only split and its words are read:
 * strings, quoted names and comments are skipped as the engine skips them. Words give an early refusal and a good
 * message; that no transaction stays open does not rest on them, for which engines ask their connection.
 */

/** Whose rules of quoting hold. */
export type Dialect = 'postgres' | 'sqlite'

/** Where a statement is to run: on a database by itself, or in a transaction. */
export type Place = 'database' | 'transaction'

/** The first words of a statement outside of parentheses, in upper case; a quoted name keeps its quotes. */
export type Words = readonly string[]

/** Those that are told by their later words have all of them. */
const TOLD_LATE: ReadonlySet<string> = /* @__PURE__ */ new Set(['COPY', 'CREATE', 'DECLARE'])
const FIRST_WORDS = 5
const ROUTINE: ReadonlySet<string> = /* @__PURE__ */ new Set(['FUNCTION', 'PROCEDURE', 'TRIGGER'])

/** What savepoints and cursors of rescind are called. */
export const OWN = 'rescind_'

const TOKENS: Record<Dialect, RegExp> = {
  postgres: /--[^\n]*|\/\*|['"();]|\$(?:[a-z_\x80-\uffff][\w\x80-\uffff]*)?\$|[a-z_\x80-\uffff][\w$\x80-\uffff]*/gi,
  sqlite: /--[^\n]*|\/\*|['"`[();]|[a-z_\x80-\uffff][\w$\x80-\uffff]*/gi,
}

/** What stands before the quote of a string in which a backslash escapes. */
const ESCAPES = /(?:^|[^\w$\x80-\uffff])e$/i

/** The statements of `text` by their words. Takes time in proportion to its length. */
export function statementsOf(text: string, dialect: Dialect): Words[] {
  const tokens = TOKENS[dialect]
  const isSingle = !text.includes(';')
  const statements: Words[] = []
  let words: string[] = []
  let isEmpty = true
  let parentheses = 0
  // The body of a routine or a trigger has statements of its own.
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
      if (words[0] === 'CREATE' && !isQuoted && parentheses === 0) blocks += blockStep(word, words, blocks)
      const isWanted = words.length < FIRST_WORDS || TOLD_LATE.has(words[0] as string)
      if (isWanted && parentheses === 0) words.push(word)
      else if (isSingle && !isWanted) break
    }
  }
  if (!isEmpty) statements.push(words)
  return statements
}

/** Throws if one of `statements` begins, ends or divides a transaction in place of `withTransaction`. */
export function refuseControl(statements: readonly Words[], place: Place): void {
  for (const words of statements) {
    const instead = place === 'database' ? besides(words) : inside(words)
    if (instead !== undefined) throw refused(named(words), instead)
  }
}

/** The error for a statement that is refused by its name. */
export function refused(name: string, instead: string): TypeError {
  return new TypeError(`rescind: ${name} is refused: ${instead}`)
}

/** For a connection that a statement has left inside of a transaction, whatever its words were. */
export function leftOpen(): TypeError {
  return refused('a statement that leaves a transaction open', 'it was rolled back; call withTransaction(ctx, db, fn)')
}

/** What to do instead on a database, where nothing may stay open. */
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
  return 'withTransaction(ctx, db, fn) commits when fn returns and rolls back when it throws; a text is all or nothing'
}

/** What to do instead in a transaction, whose end and whose own savepoints belong to `withTransaction`. */
function inside(words: Words): string | undefined {
  const [first] = words
  if (isPrepared(words)) return undefined
  if (isSavepoint(words)) {
    const isOwn = words.some((word) => word.replace(/^\W/, '').toLowerCase().startsWith(OWN))
    return isOwn ? `names that begin with ${OWN} are those of nested transactions` : undefined
  }
  if (first === 'BEGIN' || first === 'START') return 'call withTransaction(ctx, tx, fn), which is a savepoint'
  if (!isEnd(words)) return undefined
  return 'return from the function of withTransaction to commit, throw from it to roll back'
}

function isSavepoint([first, ...rest]: Words): boolean {
  return first === 'SAVEPOINT' || first === 'RELEASE' || (first === 'ROLLBACK' && rest.includes('TO'))
}

function isEnd([first, second]: Words): boolean {
  if (first === 'PREPARE') return second === 'TRANSACTION'
  return first === 'COMMIT' || first === 'END' || first === 'ROLLBACK' || first === 'ABORT'
}

/** The second phase of a two-phase commit is a statement by itself, and leaves nothing behind. */
function isPrepared([first, second]: Words): boolean {
  return (first === 'COMMIT' || first === 'ROLLBACK') && second === 'PREPARED'
}

function named(words: Words): string {
  const [first = '', second] = words
  if (first === 'ROLLBACK' && words.includes('TO')) return 'ROLLBACK TO'
  return second === 'TRANSACTION' ? `${first} TRANSACTION` : first
}

/** PostgreSQL's `BEGIN ATOMIC … END` and the body of SQLite's triggers; `CASE` has an `END` too. */
function blockStep(word: string, words: Words, blocks: number): number {
  if (blocks > 0) return word === 'CASE' || word === 'BEGIN' ? 1 : word === 'END' ? -1 : 0
  return word === 'BEGIN' && words.some((word) => ROUTINE.has(word)) ? 1 : 0
}

/** PostgreSQL's comments nest. */
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

/** A doubled quote ends one and starts another, which comes to the same. */
function endOfQuoted(text: string, from: number, quote: string, dialect: Dialect): number {
  const before = text.slice(Math.max(from - 3, 0), from - 1)
  if (dialect === 'postgres' && quote === "'" && ESCAPES.test(before)) return endOfEscaped(text, from)
  const close = quote === '[' ? ']' : quote
  const end = text.indexOf(close, from)
  return end < 0 ? text.length : end + close.length
}

/** A string with backslashes: `E'…'`. */
function endOfEscaped(text: string, from: number): number {
  const marks = /\\[^]|'/g
  marks.lastIndex = from
  for (let mark = marks.exec(text); mark; mark = marks.exec(text)) if (mark[0] === "'") return marks.lastIndex
  return text.length
}
