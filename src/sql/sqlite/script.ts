/**
 * A text of statements as one C string in the memory of SQLite. Each statement is prepared where the one before it
 * ended, so that a text takes time in proportion to its length: preparing what is left as a string of its own would
 * copy all of it again for every statement.
 */

import type { Database, PreparedStatement, Sqlite3Static } from '@sqlite.org/sqlite-wasm'

/** A statement of a text. */
export interface ScriptStatement {
  /** To be finalized by the caller. */
  readonly statement: PreparedStatement
  /** Its first word, in capitals. */
  readonly word: string
  /** Whether nothing but space and comments comes after it. */
  readonly isLast: boolean
}

/** What the types of the package leave out. */
interface Statements {
  readonly Stmt: {
    wrapHandle?(db: Database, handle: number, takeOwnership: boolean): PreparedStatement
  }
}

/** Two pointers, which SQLite sets: to the statement, and to where it ends. */
const HEAD = 16
const TAIL = 8

export class Script {
  readonly #sqlite3: Sqlite3Static
  readonly #db: Database
  readonly #bytes: Uint8Array
  /** Of the pointers; the text is behind them. */
  readonly #memory: number
  /** How far the text has been prepared: the first byte of a statement, or the end. */
  #at: number

  constructor(sqlite3: Sqlite3Static, db: Database, sql: string) {
    // SQLite would stop reading there, and what comes after it would be lost without a word.
    if (sql.includes('\0')) throw new Error('the text of a statement has a NUL character in it')
    const { wasm } = sqlite3
    this.#sqlite3 = sqlite3
    this.#db = db
    this.#bytes = new TextEncoder().encode(sql)
    this.#at = skipSpace(this.#bytes, 0)
    this.#memory = wasm.alloc(HEAD + this.#bytes.length + 1)
    const heap = wasm.heap8u()
    heap.set(this.#bytes, this.#memory + HEAD)
    heap[this.#memory + HEAD + this.#bytes.length] = 0
  }

  /** The next statement, or undefined at the end. Throws what SQLite says if it is wrong. */
  next(): ScriptStatement | undefined {
    if (this.#at === this.#bytes.length) return undefined
    const { capi, oo1, wasm } = this.#sqlite3
    const { Stmt } = oo1 as typeof oo1 & Statements
    const tail = this.#memory + TAIL
    const text = this.#memory + HEAD
    const word = wordAt(this.#bytes, this.#at)
    // Up to the NUL, not by length: SQLite would copy the whole rest to put a NUL behind it.
    const code = capi.sqlite3_prepare_v3(this.#db, text + this.#at, -1, 0, this.#memory, tail)
    oo1.DB.checkRc(this.#db, code)
    const handle = wasm.peekPtr(this.#memory)
    if (handle === 0) throw new Error('a statement of the text is empty')
    const statement = Stmt.wrapHandle?.(this.#db, handle, true) as PreparedStatement
    this.#at = skipSpace(this.#bytes, wasm.peekPtr(tail) - text)
    return { statement, word, isLast: this.#at === this.#bytes.length }
  }

  free(): void {
    this.#sqlite3.wasm.dealloc(this.#memory)
  }
}

/** Whether this build of SQLite has what {@link Script} needs: those before 3.51 do not. */
export function canScript({ oo1 }: Sqlite3Static): boolean {
  return typeof (oo1 as typeof oo1 & Partial<Statements>).Stmt?.wrapHandle === 'function'
}

/** The first byte from `at` on that is of a statement, as SQLite divides them. */
function skipSpace(bytes: Uint8Array, at: number): number {
  for (;;) {
    const byte = bytes[at]
    if (byte === SEMICOLON || byte === SPACE || (byte !== undefined && byte >= 9 && byte <= 13 && byte !== 11)) at += 1
    else if (byte === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf) at += 3
    else if (byte === DASH && bytes[at + 1] === DASH) at = endOf(bytes, at + 2, NEWLINE)
    else if (byte === SLASH && bytes[at + 1] === STAR) at = endOf(bytes, at + 2, STAR, SLASH)
    else return at
  }
}

const NEWLINE = 10
const SPACE = 32
const STAR = 42
const DASH = 45
const SLASH = 47
const SEMICOLON = 59

/** The byte after the one or two that end a comment, or the end of the text. */
function endOf(bytes: Uint8Array, from: number, first: number, second?: number): number {
  for (let at = bytes.indexOf(first, from); at >= 0; at = bytes.indexOf(first, at + 1)) {
    if (second === undefined) return at + 1
    if (bytes[at + 1] === second) return at + 2
  }
  return bytes.length
}

/** No statement begins with a longer word. */
const WORD = 16

function wordAt(bytes: Uint8Array, at: number): string {
  const [word = ''] = /^\w*/.exec(String.fromCharCode(...bytes.subarray(at, at + WORD))) ?? []
  return word.toUpperCase()
}
