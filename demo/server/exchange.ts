/**
 * A request and its answer, as every endpoint has them: Node's, or those of a service worker. Each answer names its
 * type and forbids browsers to guess another.
 */

import type { ServerRequest, ServerResponse } from 'rescind/node'
import type { Databases } from './databases.ts'
import type { Log } from './log.ts'

/** What answers: Node's, or that of a service worker. */
export interface DemoResponse extends ServerResponse {
  readonly headersSent: boolean
  /** How many bytes were written and have not left yet. */
  readonly writableLength: number
  writeHead(status: number, headers?: Record<string, string>): { end(text?: string): unknown }
  write(text: string): unknown
  end(text?: string): unknown
  destroy(): unknown
}

/** A request: Node's, or that of a service worker. Iterating it reads its body. */
export interface Request extends ServerRequest, AsyncIterable<Uint8Array> {}

export interface Exchange {
  readonly req: Request
  readonly res: DemoResponse
  readonly url: URL
  readonly log: Log
  readonly databases: Databases
}

/** The headers of an answer in `type`. */
export function typed(type: string): Record<string, string> {
  return { 'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }
}

export function sendJson(res: DemoResponse, value: unknown): void {
  res.writeHead(200, typed('application/json')).end(JSON.stringify(value))
}

/** Answers with one line of text, as every refusal does. */
export function sendText(res: DemoResponse, status: number, text: string, headers: Record<string, string> = {}): void {
  res.writeHead(status, { ...typed('text/plain; charset=utf-8'), ...headers }).end(`${text}\n`)
}

/** Refuses a request whose query says something that makes no sense. */
export function refuse({ res }: Exchange, why: string): void {
  sendText(res, 400, why)
}
