/** How texts are split, and which statements of PostgreSQL are refused. Needs no database. */

import { describe, expect, it } from 'vitest'
import { refuse, takesLimit } from '../../src/sql/postgres/statements.ts'
import type { Source } from '../../src/sql/postgres/statements.ts'
import { statementsOf } from '../../src/sql/statements.ts'
import type { Dialect, Place } from '../../src/sql/statements.ts'

const firsts = (text: string, dialect: Dialect = 'postgres') => statementsOf(text, dialect).map(([first]) => first)

describe('the statements of a text', () => {
  it.each<[what: string, text: string, firsts: (string | undefined)[]]>([
    ['nothing', ' ; -- a\n /* b; */ ;', []],
    ['one', 'SELECT 1', ['SELECT']],
    ['a semicolon at the end', 'SELECT 1 ; -- COMMIT', ['SELECT']],
    ['several', 'begin;select 1;;END', ['BEGIN', 'SELECT', 'END']],
    ['parentheses', '(SELECT 1); (SELECT 2)', [undefined, undefined]],
    ['strings', "SELECT ';BEGIN;', 'it''s; BEGIN'; COMMIT", ['SELECT', 'COMMIT']],
    ['strings with backslashes', "SELECT E'\\'; BEGIN', e'\\\\'; COMMIT", ['SELECT', 'COMMIT']],
    ['strings after a word that ends with an e', "SELECT date'1'; COMMIT", ['SELECT', 'COMMIT']],
    ['an escape at the start', "e'\\''; COMMIT", ['E', 'COMMIT']],
    ['backslashes in other strings', "SELECT '\\'; COMMIT; SELECT '\\'", ['SELECT', 'COMMIT', 'SELECT']],
    ['quoted names', 'SELECT 1 AS ";""; BEGIN"; COMMIT', ['SELECT', 'COMMIT']],
    ['dollar quotes', 'DO $$ BEGIN; $a$ END $$; SELECT $1, $a$; COMMIT $$ $a$; COMMIT', ['DO', 'SELECT', 'COMMIT']],
    ['a dollar in a name', 'SELECT a$b; COMMIT; SELECT $b$ ; $b$', ['SELECT', 'COMMIT', 'SELECT']],
    ['comments that nest', '/* a /* b */ ; BEGIN */ COMMIT', ['COMMIT']],
    ['what is not closed', "SELECT '; BEGIN", ['SELECT']],
    ['a comment that is not closed', 'SELECT 1; /* ; BEGIN', ['SELECT']],
    ['a rule', 'CREATE RULE a AS ON INSERT TO b DO (SELECT 1; SELECT 2); COMMIT', ['CREATE', 'COMMIT']],
    [
      'a routine with a body',
      'CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; COMMIT',
      ['CREATE', 'COMMIT'],
    ],
    ['a name that is a word', 'CREATE TABLE begin (i int); COMMIT', ['CREATE', 'COMMIT']],
    [
      'a parameter that is a word',
      "CREATE FUNCTION f(begin int) RETURNS int LANGUAGE sql AS 'SELECT 1'; COMMIT",
      ['CREATE', 'COMMIT'],
    ],
    [
      'a column that is a word, in a body',
      'CREATE PROCEDURE p() BEGIN ATOMIC DELETE FROM a WHERE begin > 1; END; COMMIT',
      ['CREATE', 'COMMIT'],
    ],
  ])('are split as in PostgreSQL: %s', (_, text, expected) => {
    expect(firsts(text)).toEqual(expected)
  })

  it.each<[what: string, text: string, firsts: (string | undefined)[]]>([
    ['names in brackets', 'SELECT [;BEGIN] FROM [a]; COMMIT', ['SELECT', 'COMMIT']],
    ['names in backticks', 'SELECT `;BEGIN`; COMMIT', ['SELECT', 'COMMIT']],
    ['comments that do not nest', '/* a /* b */ BEGIN', ['BEGIN']],
    ['backslashes', "SELECT e'\\'; COMMIT; SELECT '\\'", ['SELECT', 'COMMIT', 'SELECT']],
    ['parameters', 'SELECT $a, @b, :c, ?1; COMMIT', ['SELECT', 'COMMIT']],
    [
      'a trigger',
      'CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN SELECT CASE 1 WHEN 1 THEN 2 END; DELETE FROM a; END; COMMIT',
      ['CREATE', 'COMMIT'],
    ],
  ])('are split as in SQLite: %s', (_, text, expected) => {
    expect(firsts(text, 'sqlite')).toEqual(expected)
  })

  it('are found in linear time', () => {
    const text = "INSERT INTO t VALUES ('a', $$b$$, E'c\\'', \"d\"); /* e */ -- f\n".repeat(50_000)
    // In quadratic time this would take minutes.
    expect(statementsOf(text, 'postgres').length).toBe(50_000)
  })
})

const refusalOf = (text: string, place: Place, source: Source): string | undefined => {
  try {
    refuse(text, place, source)
    return undefined
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError)
    return String(error)
  }
}

describe('a statement of PostgreSQL', () => {
  const everywhere: [place: Place, source: Source][] = [
    ['database', 'pool'],
    ['database', 'client'],
    ['transaction', 'pool'],
    ['transaction', 'client'],
  ]

  it.each([
    ['COPY album TO STDOUT', 'COPY TO STDOUT', 'pg-copy-streams'],
    ['copy (SELECT 1) to stdout WITH (FORMAT csv)', 'COPY TO STDOUT', 'pg-copy-streams'],
    ['COPY album (id, title) FROM STDIN', 'COPY FROM STDIN', 'pg-copy-streams'],
    ['SELECT 1; /* a */ COPY album FROM STDIN', 'COPY FROM STDIN', 'pg-copy-streams'],
    ["PREPARE TRANSACTION 'one'", 'PREPARE TRANSACTION', 'withTransaction'],
    ['START TRANSACTION READ ONLY', 'START TRANSACTION', 'withTransaction'],
    ['ABORT', 'ABORT', 'withTransaction'],
    ['COMMIT AND CHAIN', 'COMMIT', 'withTransaction'],
    ['BEGIN ISOLATION LEVEL SERIALIZABLE', 'BEGIN', 'withTransaction'],
    ['END', 'END', 'withTransaction'],
    ['ROLLBACK', 'ROLLBACK', 'withTransaction'],
  ])('is refused everywhere: %s', (text, name, instead) => {
    for (const [place, source] of everywhere) {
      expect(refusalOf(text, place, source)).toContain(`rescind: ${name} is refused: `)
      expect(refusalOf(text, place, source)).toContain(instead)
    }
  })

  it.each([
    ['LISTEN albums', 'LISTEN', 'a separate Client'],
    ['UNLISTEN *', 'UNLISTEN', 'a separate Client'],
    ["SET statement_timeout = '1s'", 'SET', /SET LOCAL|pin a connection/],
    ['SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY', 'SET', /SET LOCAL|pin a connection/],
    ['SET ROLE other', 'SET', /SET LOCAL|pin a connection/],
    ['RESET ALL', 'RESET', /SET LOCAL|pin a connection/],
    ['DISCARD ALL', 'DISCARD', 'pin a connection'],
    ["LOAD 'lib'", 'LOAD', 'pin a connection'],
    ['PREPARE one AS SELECT 1', 'PREPARE', 'pin a connection'],
    ['DEALLOCATE one', 'DEALLOCATE', 'pin a connection'],
    ['CREATE TEMP TABLE one (i int)', 'CREATE TEMPORARY', 'ON COMMIT DROP'],
    ['CREATE LOCAL TEMP TABLE one (i int)', 'CREATE TEMPORARY', 'ON COMMIT DROP'],
    ['CREATE OR REPLACE LOCAL TEMPORARY VIEW one AS SELECT 1', 'CREATE TEMPORARY', 'pin a connection'],
    ['DECLARE one CURSOR WITH HOLD FOR SELECT 1', 'DECLARE WITH HOLD', 'queryStream'],
    ["INSERT INTO album VALUES (1); SET search_path = 'other'", 'SET', /SET LOCAL|pin a connection/],
  ])('is refused on a pool, and accepted by a client: %s', (text, name, instead) => {
    for (const place of ['database', 'transaction'] as const) {
      expect(refusalOf(text, place, 'pool')).toContain(`rescind: ${name} is refused: `)
      expect(refusalOf(text, place, 'pool')).toMatch(instead)
      expect(refusalOf(text, place, 'client')).toBeUndefined()
    }
  })

  it.each([
    'SET LOCAL work_mem = 1; SELECT 1',
    "COPY album TO '/tmp/album'",
    "COPY stdin FROM PROGRAM 'cat'",
    'DELETE FROM stdin',
    "COPY (SELECT stdout FROM album) TO PROGRAM 'cat'",
    'CREATE TEMP TABLE one ON COMMIT DROP AS SELECT 1',
    'CREATE TABLE temp (i int)',
    'DECLARE one CURSOR WITHOUT HOLD FOR SELECT 1',
    "COMMIT PREPARED 'one'",
    "ROLLBACK PREPARED 'one'",
    "DO 'BEGIN COMMIT; END'",
    'CALL work()',
    'VACUUM',
    "NOTIFY albums, 'COPY FROM STDIN'",
    'SELECT "BEGIN", \'LISTEN\' FROM album -- SET',
    'EXECUTE one',
  ])('is accepted everywhere: %s', (text) => {
    for (const [place, source] of everywhere) expect(refusalOf(text, place, source)).toBeUndefined()
  })

  it.each(['SET LOCAL work_mem = 1', 'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE', 'SET CONSTRAINTS ALL DEFERRED'])(
    'is refused outside a transaction if it only affects one: %s',
    (text) => {
      const name = text.split(' ', 2).join(' ')
      expect(refusalOf(text, 'database', 'client')).toContain(`rescind: ${name} is refused: `)
      expect(refusalOf(text, 'database', 'client')).toContain('use it in withTransaction')
      expect(refusalOf(text, 'transaction', 'pool')).toBeUndefined()
    },
  )

  it.each([
    ['SAVEPOINT one', 'SAVEPOINT'],
    ['SAVEPOINT prepared', 'SAVEPOINT'],
    ['RELEASE one', 'RELEASE'],
    ['ROLLBACK TO one', 'ROLLBACK TO'],
    ['ROLLBACK WORK TO SAVEPOINT one', 'ROLLBACK TO'],
  ])('is refused outside a transaction if it is of a savepoint: %s', (text, name) => {
    expect(refusalOf(text, 'database', 'client')).toContain(`rescind: ${name} is refused: call withTransaction`)
    expect(refusalOf(text, 'transaction', 'pool')).toBeUndefined()
  })

  it.each(['SAVEPOINT rescind_1', 'RELEASE SAVEPOINT "rescind_1"', 'ROLLBACK TO Rescind_2'])(
    'is refused in a transaction if it has the name of a nested one: %s',
    (text) => {
      expect(refusalOf(text, 'transaction', 'client')).toContain('names that begin with rescind_ are reserved')
    },
  )

  it('that sets a value for the session is refused with the alternative in its place', () => {
    expect(refusalOf("SET role = 'a'", 'database', 'pool')).toContain('pin a connection')
    expect(refusalOf("SET role = 'a'", 'transaction', 'pool')).toContain('use SET LOCAL')
  })

  it('has no SELECT before it that would take a snapshot too early, or prevent it from committing', () => {
    for (const text of ['LOCK album', '-- a\nset transaction read only', 'SAVEPOINT one', 'SHOW all']) {
      expect([takesLimit(text, 'database'), takesLimit(text, 'transaction')]).toEqual([false, false])
    }
    for (const text of ['CALL work()', "DO ''"]) {
      expect([takesLimit(text, 'database'), takesLimit(text, 'transaction')]).toEqual([false, true])
    }
    for (const text of ['SELECT 1', 'VACUUM', '(SELECT 1)', '']) {
      expect([takesLimit(text, 'database'), takesLimit(text, 'transaction')]).toEqual([true, true])
    }
  })
})
