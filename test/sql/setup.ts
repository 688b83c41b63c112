/** One PostgreSQL for all tests of `rescind/sql`. */

import type { TestProject } from 'vitest/node'
import { startPostgres } from '../../scripts/postgres.ts'
import type { Access } from '../../scripts/postgres.ts'

declare module 'vitest' {
  interface ProvidedContext {
    postgres: Access
  }
}

export async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const server = await startPostgres()
  provide('postgres', server.access)
  return () => server.stop()
}
