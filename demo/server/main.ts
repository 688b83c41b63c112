/**
 * The production server of the built demo: its endpoints and its files. It listens on localhost; `--host` opens it to
 * the network, or sets the address. `PORT` sets the port; 0 takes any free one.
 */

import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { background } from 'rescind'
import { withRequest, withShutdown } from 'rescind/node'
import { admit } from './admission.ts'
import { startApi } from './api.ts'
import { openDatabases } from './databases.ts'
import { sendText } from './exchange.ts'
import { sendFile } from './files.ts'
import { refuseSocket } from './sockets.ts'

const GRACE_MS = 2000

/** Connections beyond this number are closed at once. A page has six at most. */
const MAX_CONNECTIONS = 512

const folder = fileURLToPath(new URL('./client/', import.meta.url))
const port = Number(process.env.PORT ?? 4173)
const option = process.argv.indexOf('--host')
/** Undefined for all interfaces. */
const host = option < 0 ? 'localhost' : process.argv[option + 1]

// All bodies are short, so every request arrives soon.
const server = createServer({ headersTimeout: 10_000, requestTimeout: 10_000 })
server.maxConnections = MAX_CONNECTIONS
// The end of the server ends all requests in flight; then the process exits by itself.
const [root] = withShutdown(background(), server, { grace: GRACE_MS })
const { handle } = startApi(openDatabases(), root)

server.on('request', (req, res) => {
  answer(req, res).catch((error: unknown) => {
    console.error(error)
    res.destroy()
  })
})

async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const url = admit(req, res)
  if (url === undefined || handle(url, req, res)) return
  const [ctx, cancel] = withRequest(root, req, res)
  using _ = cancel
  try {
    await sendFile(ctx, folder, url, req, res)
  } catch (error) {
    if (ctx.err === undefined) throw error
    res.destroy()
  }
}

server.on('checkExpectation', (_, res) => sendText(res, 417, 'there is nothing to expect here'))

server.on('connect', (_, socket) => refuseSocket(socket, 405, 'this is no proxy'))

server.on('clientError', ({ code }: NodeJS.ErrnoException, socket) => {
  if (code === 'HPE_HEADER_OVERFLOW') refuseSocket(socket, 431, 'the headers are too long')
  else if (code === 'ERR_HTTP_REQUEST_TIMEOUT') refuseSocket(socket, 408, 'the request takes too long')
  else refuseSocket(socket, 400, 'the request cannot be read')
})

server.on('error', ({ message }) => {
  if (server.listening) return console.error(message)
  console.error(`The demo cannot be served on port ${port}: ${message}. Set PORT to another one.`)
  process.exit(1)
})

server.listen({ port, host }, () => {
  const name = host?.includes(':') ? `[${host}]` : (host ?? 'localhost')
  const reach = host === undefined ? ', open to the network' : ''
  console.log(`rescind demo: http://${name}:${(server.address() as AddressInfo).port}/${reach}`)
})
