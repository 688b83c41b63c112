/**
 * The databases behind the demo's server: SQLite, which needs nothing, and PostgreSQL, if `DEMO_POSTGRES` says where
 * there is one. Each is opened when it is asked for first.
 */

import { Pool } from 'pg'
import { background } from 'rescind'
import type { Database } from 'rescind/sql'
import { postgres } from 'rescind/sql/postgres'
import { openSqlite } from 'rescind/sql/sqlite'
import { createAlbums } from './albums.ts'
import { createNames } from './names.ts'

export interface Databases {
  /** Those that can be opened. */
  engines(): readonly string[]
  /** Rejects with what to tell the user, if there is no such database. */
  open(engine: string): Promise<Database>
  close(): Promise<void>
}

export function openDatabases(): Databases {
  const opened = new Map<string, Promise<Database>>()
  return {
    engines: () => (process.env.DEMO_POSTGRES ? ['sqlite', 'postgres'] : ['sqlite']),
    open(engine) {
      const known = opened.get(engine)
      if (known !== undefined) return known
      const opening = fill(engine)
      opened.set(engine, opening)
      // The next request tries again.
      opening.catch(() => opened.delete(engine))
      return opening
    },
    async close() {
      const databases = await Promise.allSettled(opened.values())
      await Promise.all(databases.map((db) => (db.status === 'fulfilled' ? db.value.close() : undefined)))
    },
  }
}

async function fill(engine: string): Promise<Database> {
  const db = await connect(engine)
  await createAlbums(db)
  if (engine === 'sqlite') await createNames(db)
  return db
}

async function connect(engine: string): Promise<Database> {
  if (engine === 'sqlite') return openSqlite(background())
  const { DEMO_POSTGRES } = process.env
  if (engine !== 'postgres') throw new Error(`there is no engine ${engine}`)
  if (!DEMO_POSTGRES) throw new Error('there is no PostgreSQL: npm run demo:postgres starts one')
  const pool = new Pool({ connectionString: DEMO_POSTGRES, max: 8 })
  // An idle connection that breaks: the next query gets another.
  pool.on('error', () => {})
  return postgres(pool)
}
