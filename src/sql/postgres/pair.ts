/**
 * Two statements of PostgreSQL in one message. The server takes them for one transaction, so that what the first sets
 * for its transaction holds for the second and is gone with it, whichever connection of a pooler they are on; and they
 * take one round trip.
 *
 * @see https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING
 */

import type { PostgresClient, PostgresResult } from './client.ts'
import { isSeveral } from './statements.ts'

/** What the two came to. */
export interface PairResult {
  readonly ahead: PostgresResult
  /** As node-postgres gives it, for one statement or for several. */
  readonly rest: PostgresResult | PostgresResult[]
}

type TextResult = PostgresResult | PostgresResult[]

/** What writes to the server. */
interface Line {
  readonly stream: { cork?(): void; uncork?(): void }
  parse(config: { text: string }): void
  bind(config: object): void
  describe(config: { type: 'P' }): void
  execute(config: object): void
}

/** A query of node-postgres, as its class makes it. */
interface Query {
  submit(line: Line): unknown
  requiresPreparation(): boolean
}

type Callback = (error: Error | null | undefined, answer: TextResult) => void
type QueryClass = new (config: { text: string; values?: unknown[] }, callback: Callback) => Query

/** Whether `client` can send two statements at once: not that of `pg-native`. */
export function canPair(client: PostgresClient): boolean {
  const { prototype } = queryClassOf(client) ?? {}
  return typeof (prototype as Partial<Query> | undefined)?.requiresPreparation === 'function'
}

/** Sends `ahead`, one statement with rows, and with it `text`. Where either fails, both are taken back. */
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

/** Several statements have no parameters, and can have one more. */
async function asText(client: PostgresClient, ahead: string, text: string): Promise<TextResult> {
  const before = `${ahead};`
  try {
    return await client.query(before + text)
  } catch (error) {
    const { position } = error as { position?: unknown }
    // The server counts from the start of ours.
    const own = String(Number(position) - before.length)
    if (typeof position === 'string') Object.assign(error as Error, { position: own })
    throw error
  }
}

/** The query of node-postgres itself, which sends something ahead: the server says once that it is ready again. */
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
    // As node-postgres does: the stack of the socket says nothing.
    const { captureStackTrace } = Error as { captureStackTrace?(error: unknown): void }
    captureStackTrace?.(error)
    throw error
  })
}

function queryClassOf(client: PostgresClient): QueryClass | undefined {
  return (client.constructor as { Query?: QueryClass }).Query
}
