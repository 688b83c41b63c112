/**
 * Structural types for the parts of node-postgres that we use, so that its types need not be installed. Its Pool and
 * its Client are assignable to them.
 */

import type { Row } from '../database.ts'

/** The result of a statement. */
export interface PostgresResult {
  readonly rows: Row[]
  readonly rowCount: number | null
  readonly command: string
}

/** A connected Client. */
export interface PostgresClient {
  query(text: string, values?: unknown[]): Promise<PostgresResult | PostgresResult[]>
  on(event: 'error' | 'end', listener: (error: Error) => void): unknown
  removeListener(event: 'error' | 'end', listener: (error: Error) => void): unknown
  end(): Promise<void>
  /** As of the last answer: `I` outside a transaction, `T` in a transaction, `E` in one that has failed. */
  getTransactionStatus?(): 'I' | 'T' | 'E' | null
}

/** A client from a pool. */
export interface PostgresPoolClient extends PostgresClient {
  release(destroy?: Error | boolean): void
}

/** A Pool. */
export interface PostgresPool {
  readonly totalCount: number
  connect(): Promise<PostgresPoolClient>
  end(): Promise<void>
}

/** Whether a client is in a transaction; undefined if it does not report that, as before pg 8.17. */
export function isInTransaction(client: PostgresClient): boolean | undefined {
  const status = client.getTransactionStatus?.()
  return status ? status !== 'I' : undefined
}

/** The command of the combined result of several statements, whose changes are counted already. */
const SEVERAL = 'SEVERAL'
const CHANGING: ReadonlySet<string> = /* @__PURE__ */ new Set([SEVERAL, 'INSERT', 'UPDATE', 'DELETE', 'MERGE', 'COPY'])

/** The number of rows that a statement has changed; 0 for a SELECT, whose `rowCount` is the number of rows read. */
export function changesOf({ command, rowCount }: PostgresResult): number {
  return CHANGING.has(command) ? (rowCount ?? 0) : 0
}

/** Combines the results of several statements in one text: the rows of the last, and the changes of all. */
export function single(result: PostgresResult | readonly PostgresResult[]): PostgresResult {
  if (!isList(result)) return result
  const { rows = [] } = result.at(-1) ?? {}
  return { rows, rowCount: result.reduce((sum, one) => sum + changesOf(one), 0), command: SEVERAL }
}

function isList(result: PostgresResult | readonly PostgresResult[]): result is readonly PostgresResult[] {
  return Array.isArray(result)
}
