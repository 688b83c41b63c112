/**
 * An SQL text with several statements, as one C string in the memory of SQLite. Each statement is prepared from the
 * position where the one before it ended. This takes linear time: preparing the rest as a new string would copy it
 * again for every statement.
 */

import type { Database, PreparedStatement, Sqlite3Static } from '@sqlite.org/sqlite-wasm'

/** A statement of a text. */
export interface ScriptStatement {
  /** The caller must finalize it. */
  readonly statement: PreparedStatement
  /** Its first word, in upper case. */
  readonly word: string
  /** Whether only white space and comments follow it. */
  readonly isLast: boolean
}

/** Members that the types of the package omit. */
interface Statements {
  readonly Stmt: {
    wrapHandle?(db: Database, handle: number, takeOwnership: boolean): PreparedStatement
  }
}

/** The size of two pointers that SQLite sets, to the statement and to its end; and the offset of the second. */
const HEAD = 16
const TAIL = 8

export class Script {
  readonly #sqlite3: Sqlite3Static
  readonly #db: Database
  readonly #bytes: Uint8Array
  /** The address of the two pointers, which the text follows. */
  readonly #memory: number
  /** The index of the next statement's first byte; the length at the end. */
  #at: number

  constructor(sqlite3: Sqlite3Static, db: Database, sql: string) {
    // SQLite would silently ignore the text after it.
    if (sql.includes('\0')) throw new Error('the SQL text contains a NUL character')
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

  /** Prepares the next statement; undefined at the end. Throws the error of SQLite if the statement is wrong. */
  next(): ScriptStatement | undefined {
    if (this.#at === this.#bytes.length) return undefined
    const { capi, oo1, wasm } = this.#sqlite3
    const { Stmt } = oo1 as typeof oo1 & Statements
    const tail = this.#memory + TAIL
    const text = this.#memory + HEAD
    const word = wordAt(this.#bytes, this.#at)
    // -1 means up to the NUL. With a length, SQLite would copy the whole rest to append a NUL.
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

/** Whether this build of SQLite has the functions that {@link Script} needs; those before 3.51 do not. */
export function canScript({ oo1 }: Sqlite3Static): boolean {
  return typeof (oo1 as typeof oo1 & Partial<Statements>).Stmt?.wrapHandle === 'function'
}

/** The index of the next statement's first byte, from `at` on, by SQLite's rules. */
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

/** The index after the one or two bytes that end a comment, or the end of the text. */
function endOf(bytes: Uint8Array, from: number, first: number, second?: number): number {
  for (let at = bytes.indexOf(first, from); at >= 0; at = bytes.indexOf(first, at + 1)) {
    if (second === undefined) return at + 1
    if (bytes[at + 1] === second) return at + 2
  }
  return bytes.length
}

/** The first word of a statement is at most this long. */
const WORD = 16

function wordAt(bytes: Uint8Array, at: number): string {
  const [word = ''] = /^\w*/.exec(String.fromCharCode(...bytes.subarray(at, at + WORD))) ?? []
  return word.toUpperCase()
}
