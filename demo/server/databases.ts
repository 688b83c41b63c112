/**
 * The databases of the demo's server: SQLite, which needs no installation, and PostgreSQL, if `DEMO_POSTGRES` has its
 * address. Each is opened at its first use.
 */

import { Pool } from 'pg'
import { background } from 'rescind'
import type { Database } from 'rescind/sql'
import { postgres } from 'rescind/sql/postgres'
import { openSqlite } from 'rescind/sql/sqlite'
import { createAlbums } from './albums.ts'
import { createNames } from './names.ts'

export interface Databases {
  /** The engines that can be opened. */
  engines(): readonly string[]
  /** Rejects with a message for the user if there is no such database. */
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
  // An idle connection has failed: the next query gets another one.
  pool.on('error', () => {})
  return postgres(pool)
}
