/** The production server of the built demo: its endpoints and its files. `PORT` says where; 0 takes any free port. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { background } from 'rescind'
import { withRequest, withShutdown } from 'rescind/node'
import { startApi } from './api.ts'
import { openDatabases } from './databases.ts'
import { sendFile } from './files.ts'

const GRACE_MS = 2000

const folder = fileURLToPath(new URL('./client/', import.meta.url))
const port = Number(process.env.PORT ?? 4173)

const server = createServer()
// The server that ends takes everything along that it has under way; then the process ends by itself.
const [root] = withShutdown(background(), server, { grace: GRACE_MS })
const { handle } = startApi(openDatabases(), root)

server.on('request', async (req, res) => {
  if (handle(req, res)) return
  const [ctx, cancel] = withRequest(root, req, res)
  using _ = cancel
  try {
    await sendFile(ctx, folder, req, res)
  } catch (error) {
    if (ctx.err === undefined) console.error(error)
    res.destroy()
  }
})

server.on('error', ({ message }) => {
  console.error(`The demo cannot be served on port ${port}: ${message}. Set PORT to another one.`)
  process.exit(1)
})

server.listen(port, () => {
  console.log(`rescind demo: http://localhost:${(server.address() as AddressInfo).port}/`)
})
