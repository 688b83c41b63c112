/** The production server of the built demo: its endpoints and its files. `PORT` says where; 0 takes any free port. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { background } from 'rescind'
import { startApi } from './api.ts'
import { sendFile } from './files.ts'
import { withRequest } from './request.ts'

const root = fileURLToPath(new URL('./client/', import.meta.url))
const port = Number(process.env.PORT ?? 4173)
const { handle, stop } = startApi()

const server = createServer(async (req, res) => {
  if (handle(req, res)) return
  const [ctx, cancel] = withRequest(background(), req, res)
  using _ = cancel
  try {
    await sendFile(ctx, root, req, res)
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

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    stop(new Error('server stopping'))
    server.close(() => process.exit(0))
    server.closeIdleConnections()
  })
}
