/**
 * Two statements of PostgreSQL in one round trip. The server runs them in one implicit transaction: a setting that the
 * first makes for its transaction applies to the second and ends with it, on whichever connection of a pooler they run.
 *
 * @see https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING
 */

import type { PostgresClient, PostgresResult } from './client.ts'
import { isSeveral } from './statements.ts'

/** The results of both. */
export interface PairResult {
  readonly ahead: PostgresResult
  /** In the format of node-postgres: a list if there were several statements. */
  readonly rest: PostgresResult | PostgresResult[]
}

type TextResult = PostgresResult | PostgresResult[]

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
  submit(line: Line): unknown
  requiresPreparation(): boolean
}

type Callback = (error: Error | null | undefined, answer: TextResult) => void
type QueryClass = new (config: { text: string; values?: unknown[] }, callback: Callback) => Query

/** Whether `client` can send two statements at once; the one of `pg-native` cannot. */
export function canPair(client: PostgresClient): boolean {
  const { prototype } = queryClassOf(client) ?? {}
  return typeof (prototype as Partial<Query> | undefined)?.requiresPreparation === 'function'
}

/** Sends `ahead`, one statement with rows, together with `text`. If either fails, both are rolled back. */
export async function sendPair(
  client: PostgresClient,
  ahead: string,
  text: string,
  values?: unknown[],
): Promise<PairResult> {
  const isText = values === undefined && isSeveral(text)
  const answer = isText ? await asText(client, ahead, text) : await asPipeline(client, ahead, text, values)
  const [first, ...rest] = Array.isArray(answer) ? answer : [answer]
  const none: PostgresResult = { rows: [], rowCount: null, command: '' }
  return { ahead: first ?? none, rest: rest.length > 1 ? rest : (rest[0] ?? none) }
}

/** For several statements: they have no parameters, so `ahead` can be one more in the same text. */
async function asText(client: PostgresClient, ahead: string, text: string): Promise<TextResult> {
  const before = `${ahead};`
  try {
    return await client.query(before + text)
  } catch (error) {
    const { position } = error as { position?: unknown }
    // The server's position is relative to the combined text.
    const own = String(Number(position) - before.length)
    if (typeof position === 'string') Object.assign(error as Error, { position: own })
    throw error
  }
}

/** For one statement: makes a query of node-postgres send `ahead` before itself, in the same pipeline. */
function asPipeline(client: PostgresClient, ahead: string, text: string, values?: unknown[]): Promise<TextResult> {
  const QueryClass = queryClassOf(client) as QueryClass
  return new Promise<TextResult>((resolve, reject) => {
    const query = new QueryClass({ text, ...(values && { values }) }, (error, answer) => {
      if (error) reject(error)
      else resolve(answer)
    })
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
    void (client as unknown as { query(query: Query): unknown }).query(query)
  }).catch((error: unknown) => {
    // As node-postgres does: the original stack shows only the socket's event handler.
    const { captureStackTrace } = Error as { captureStackTrace?(error: unknown): void }
    captureStackTrace?.(error)
    throw error
  })
}

function queryClassOf(client: PostgresClient): QueryClass | undefined {
  return (client.constructor as { Query?: QueryClass }).Query
}
