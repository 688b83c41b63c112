/** PostgreSQL for the conformance suite, and queries for what the server is doing. */

import { readFileSync } from 'node:fs'
import { Client, Pool } from 'pg'
import type { Database } from 'rescind/sql'
import { postgres } from 'rescind/sql/postgres'
import { until } from './conformance.ts'
import type { Subject } from './conformance.ts'
import type { Access } from '../../scripts/postgres.ts'

const numbers = 'generate_series(1, 100000)'
export const endless: string = `SELECT count(*) AS count FROM ${numbers} a, ${numbers} b, ${numbers} c`

/** Queries the state of the server on a connection of its own. */
export interface Observer {
  /** The backends that run a statement for `name`. */
  active(name: string): Promise<number[]>
  /** All backends of `name`, with their state. */
  sessions(name: string): Promise<{ pid: number; state: string }[]>
  query(text: string): Promise<Record<string, unknown>[]>
  end(): Promise<void>
}

export async function observe(access: Access): Promise<Observer> {
  const client = new Client({ ...access, application_name: 'observer' })
  await client.connect()
  const sessions = async (name: string) => {
    const text = 'SELECT pid, state FROM pg_stat_activity WHERE application_name = $1 ORDER BY pid'
    return (await client.query<{ pid: number; state: string }>(text, [name])).rows
  }
  return {
    sessions,
    active: async (name) => (await sessions(name)).filter(({ state }) => state === 'active').map(({ pid }) => pid),
    query: async (text) => (await client.query(text)).rows,
    end: () => client.end(),
  }
}

/** The CPU time of a process in seconds; undefined where the system does not report it. */
export function cpuSeconds(pid: number): number | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return undefined
  }
}

export function postgresSubject(
  access: Access,
  name: string,
  capacity: number,
  open: () => Promise<Database>,
): Subject {
  let observer: Promise<Observer> | undefined
  return {
    open,
    stops: 'engine',
    capacity,
    endless,
    endlessRows: 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n',
    parameter: '$1',
    codes: { stopped: '57014', duplicate: '23505', readOnly: '25006' },
    afterStoppedWrite: 'all',
    retry: 0,
    running: async (count) => {
      const { active } = await (observer ??= observe(access))
      await until(async () => (await active(name)).length === count)
    },
    close: async () => (await observer)?.end(),
  }
}

export async function openPool(access: Access, name: string, max: number): Promise<Database> {
  return postgres(new Pool({ ...access, application_name: name, max }))
}

export async function openClient(access: Access, name: string): Promise<Database> {
  const client = new Client({ ...access, application_name: name })
  await client.connect()
  return postgres(client)
}
