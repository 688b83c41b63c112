/**
 * A server for the tests in the browser, in the process that started them: answers slowly, and notices lost clients.
 * `/slow?id=` answers after `ms`, in `chunks` parts; `/log` has the fate of each id.
 */

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** The address of the server, with a slash at the end. */
    server: string
    /** The major version of React in this project. */
    react: number
  }
}

export type Fate = 'running' | 'finished' | 'client gone'

export async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const fates = new Map<string, Fate>()
  const server = createServer((request, response) => void handle(fates, request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  provide('server', `http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  return async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
}

async function handle(fates: Map<string, Fate>, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
  response.setHeader('access-control-allow-origin', '*')
  response.setHeader('content-type', pathname === '/log' ? 'application/json' : 'text/plain')
  if (pathname === '/log') return void response.end(JSON.stringify(Object.fromEntries(fates)))
  const id = searchParams.get('id') ?? ''
  const chunks = Number(searchParams.get('chunks') ?? 1)
  const gone = new AbortController()
  fates.set(id, 'running')
  response.on('close', () => {
    fates.set(id, response.writableEnded ? 'finished' : 'client gone')
    gone.abort()
  })
  try {
    for (let chunk = 0; chunk < chunks; chunk++) {
      await setTimeout(Number(searchParams.get('ms')), undefined, { signal: gone.signal })
      response.write(`${id} `)
    }
    response.end()
  } catch {
    // The client has left.
  }
}
