/** A server that answers its request only at shutdown; see shutdown.test.ts. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterFunc, background, cause } from '../../src/index.ts'
import { withRequest, withShutdown } from '../../src/node/index.ts'

function print(line: unknown): void {
  process.stdout.write(`${String(line)}\n`)
}

const server = createServer((req, res) => {
  const [ctx] = withRequest(root, req, res)
  print('request')
  afterFunc(ctx, () => {
    print((cause(ctx) as Error).name)
    res.end('the end')
  })
})
const [root, , closed] = withShutdown(background(), server, { grace: 10_000 })
server.listen(0, () => print((server.address() as AddressInfo).port))
print(await closed)
