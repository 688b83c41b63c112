/**
 * Node-postgres, as far as it is needed here: by its shape, so that nothing has to be installed for the types. Its Pool
 * and its Client fit.
 */

import type { Row } from '../database.ts'

/** What a statement came to. */
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
  /** As of its last answer: `I` outside of a transaction, `T` in one, `E` in one that has failed. */
  getTransactionStatus?(): 'I' | 'T' | 'E' | null
}

/** A client that a pool has lent. */
export interface PostgresPoolClient extends PostgresClient {
  release(destroy?: Error | boolean): void
}

/** A Pool. */
export interface PostgresPool {
  readonly totalCount: number
  connect(): Promise<PostgresPoolClient>
  end(): Promise<void>
}

/** Whether a client is inside of a transaction; undefined if it does not say, as before pg 8.17. */
export function isInTransaction(client: PostgresClient): boolean | undefined {
  const status = client.getTransactionStatus?.()
  return status ? status !== 'I' : undefined
}

/** Stands for the commands of a text with several statements, whose changes are counted already. */
const SEVERAL = 'SEVERAL'
const CHANGING: ReadonlySet<string> = /* @__PURE__ */ new Set([SEVERAL, 'INSERT', 'UPDATE', 'DELETE', 'MERGE', 'COPY'])

/** How many rows a statement has changed: for a SELECT the server counts those that were read. */
export function changesOf({ command, rowCount }: PostgresResult): number {
  return CHANGING.has(command) ? (rowCount ?? 0) : 0
}

/** Of several statements in one text, the rows of the last and the changes of all. */
export function single(result: PostgresResult | readonly PostgresResult[]): PostgresResult {
  if (!isList(result)) return result
  const { rows = [] } = result.at(-1) ?? {}
  return { rows, rowCount: result.reduce((sum, one) => sum + changesOf(one), 0), command: SEVERAL }
}

function isList(result: PostgresResult | readonly PostgresResult[]): result is readonly PostgresResult[] {
  return Array.isArray(result)
}
