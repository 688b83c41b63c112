/**
 * Two statements of PostgreSQL in one round trip. The server runs them in one implicit transaction: a setting that the
 * first makes for its transaction applies to the second and ends with it, on whichever connection of a pooler they run.
 *
 * @see https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING
 */

import type { Row } from '../database.ts'
import type { PostgresClient, PostgresResult } from './client.ts'
import { isSeveral } from './statements.ts'

/** In the format of node-postgres: a list if there were several statements. */
type Answer = PostgresResult | PostgresResult[]

/** The part of a connection of node-postgres that writes to the server. */
interface Line {
  readonly stream: { cork?(): void; uncork?(): void }
  parse(config: { text: string }): void
  bind(config: object): void
  describe(config: { type: 'P' }): void
  execute(config: object): void
}

/** The part of the class `Query` of node-postgres that we use. */
interface Query {
  once(event: 'row', listener: (row: Row) => void): unknown
  submit(line: Line): unknown
  requiresPreparation(): boolean
}

type Callback = (error: Error | null | undefined, answer: Answer) => void
type QueryClass = new (config: { text: string; values?: unknown[] }, callback: Callback) => Query

/** Whether `client` can send two statements at once; the one of `pg-native` cannot. */
export function canPair(client: PostgresClient): boolean {
  const { prototype } = queryClassOf(client) ?? {}
  return typeof (prototype as Partial<Query> | undefined)?.requiresPreparation === 'function'
}

/**
 * Sends `ahead`, one statement with one row, together with `text`. If either fails, both are rolled back.
 *
 * @param note called with the row of `ahead`, also if the client fails later, as it reads the rows of `text`
 * @returns the answer to `text`
 */
export async function sendPair(
  client: PostgresClient,
  ahead: string,
  note: (row: Row) => void,
  text: string,
  values?: unknown[],
): Promise<Answer> {
  // Several statements have no parameters, so `ahead` can be one more in the same text.
  const before = isSeveral(text) ? `${ahead};` : ''
  const QueryClass = queryClassOf(client) as QueryClass
  try {
    const answer = await new Promise<Answer>((resolve, reject) => {
      const query = new QueryClass({ text: before + text, ...(values && { values }) }, (error, answer) => {
        if (error) reject(error)
        else resolve(answer)
      })
      query.once('row', note)
      if (before === '') putAhead(query, ahead)
      void (client as unknown as { query(query: Query): unknown }).query(query)
    })
    const rest = Array.isArray(answer) ? answer.slice(1) : []
    return rest.length === 1 ? (rest[0] as PostgresResult) : rest
  } catch (error) {
    // As node-postgres does: the original stack shows only the socket's event handler.
    const { captureStackTrace } = Error as { captureStackTrace?(error: unknown): void }
    captureStackTrace?.(error)
    const { position } = error as { position?: unknown }
    // The server's position is relative to the combined text.
    const own = String(Number(position) - before.length)
    if (typeof position === 'string') Object.assign(error as Error, { position: own })
    throw error
  }
}

/** Makes a query send `ahead` before itself, in the same pipeline. */
function putAhead(query: Query, ahead: string): void {
  const submit = query.submit.bind(query)
  query.requiresPreparation = () => true
  query.submit = (line) => {
    line.stream.cork?.()
    try {
      line.parse({ text: ahead })
      line.bind({})
      line.describe({ type: 'P' })
      line.execute({})
      return submit(line)
    } finally {
      line.stream.uncork?.()
    }
  }
}

function queryClassOf(client: PostgresClient): QueryClass | undefined {
  return (client.constructor as { Query?: QueryClass }).Query
}
