/**
 * Tests which hosts notify a handler that its client left: `npm run test:hosts`. Each host runs the packed package. A
 * client leaves in the middle of a request, and the context of that request must end. npm downloads the hosts, 500 MB
 * in all, so this is not part of `npm test`. The table in docs/servers.md has the results.
 */

import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const PACKAGES = ['bun@1.4.5', 'deno@2.9.6', 'next@16.4.6', 'react@19.3.1', 'react-dom@19.3.1']
/** How long a handler runs if nothing stops it, in milliseconds. */
const WORK = 20_000

const FILES = {
  'package.json': '{ "private": true, "type": "module" }',
  'work.mjs': `
import { cause, sleep } from 'rescind'
export async function work(ctx, cancel) {
  console.log('begun')
  try {
    await sleep(ctx, ${WORK})
    console.log('not notified')
  } catch {
    console.log('notified:', String(cause(ctx)))
  } finally {
    cancel()
  }
}`,
  'handler.mjs': `
import { background, withSignal } from 'rescind'
import { work } from './work.mjs'
export async function handle(request) {
  await work(...withSignal(background(), request.signal))
  return new Response()
}`,
  'bun.mjs': `
import { handle } from './handler.mjs'
Bun.serve({ port: process.env.PORT, fetch: handle, idleTimeout: 60 })`,
  'deno.mjs': `
import { handle } from './handler.mjs'
Deno.serve({ port: Number(process.env.PORT) }, handle)`,
  'node.mjs': `
import { createServer } from 'node:http'
import { background } from 'rescind'
import { withRequest } from 'rescind/node'
import { work } from './work.mjs'
const server = createServer(async (req, res) => {
  await work(...withRequest(background(), req, res))
  res.end()
})
server.listen(process.env.PORT)`,
  'app/layout.js': 'export default function Layout({ children }) { return <html><body>{children}</body></html> }',
  'app/route/route.js': `
import { handle } from '../../handler.mjs'
export const dynamic = 'force-dynamic'
export const GET = handle`,
}

const HOSTS = [
  { name: 'node:http in Node', command: 'node', args: ['node.mjs'] },
  { name: 'node:http in Bun', command: 'npx', args: ['bun', 'node.mjs'] },
  { name: 'node:http in Deno', command: 'npx', args: ['deno', 'run', '-A', 'node.mjs'] },
  { name: 'Bun.serve', command: 'npx', args: ['bun', 'bun.mjs'] },
  { name: 'Deno.serve', command: 'npx', args: ['deno', 'run', '-A', 'deno.mjs'] },
  { name: 'Next, a route handler', command: 'npx', args: ['next', 'start'], build: ['next', 'build', '--webpack'] },
]

const folder = mkdtempSync(join(tmpdir(), 'rescind-hosts-'))
try {
  for (const [file, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), text)
  }
  const { name, version } = JSON.parse(readFileSync('package.json', 'utf8'))
  run('npm', ['pack', '--silent', '--pack-destination', folder], process.cwd())
  run('npm', ['install', '--silent', join(folder, `${name}-${version}.tgz`), ...PACKAGES], folder)
  for (const host of HOSTS) {
    if (host.build) run('npx', host.build, folder)
    const output = await outputOf(host)
    console.log(`${host.name}: ${output}`)
    if (!output.startsWith('notified')) process.exitCode = 1
  }
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}

/** The output of the handler after its client left: "notified" with the cause, or "not notified". */
async function outputOf({ command, args }) {
  const PORT = String(await freePort())
  // In a process group of its own, so that the children of npx can be killed with it.
  const options = { cwd: folder, detached: true, env: { ...process.env, PORT, NEXT_TELEMETRY_DISABLED: '1' } }
  const child = spawn(command, args, options)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += String(text)))
  const client = new AbortController()
  try {
    const asking = ask(`http://localhost:${PORT}/route`, client.signal)
    await shows(() => output.includes('begun'), 60_000)
    client.abort()
    await asking
    await shows(() => /^(not )?notified/m.test(output), WORK / 2)
    return /^(?:not )?notified.*$/m.exec(output)?.[0] ?? `nothing within ${WORK / 2_000} seconds\n${output}`
  } finally {
    process.kill(-child.pid, 'SIGKILL')
  }
}

/** Sends the request until the server has started, and then again after each answer, until `signal` aborts. */
async function ask(url, signal) {
  while (!signal.aborted) {
    await fetch(url, { signal }).catch(() => new Promise((resolve) => void setTimeout(resolve, 100)))
  }
}

async function shows(isShown, ms) {
  for (const start = Date.now(); !isShown() && Date.now() - start < ms;) {
    await new Promise((resolve) => void setTimeout(resolve, 20))
  }
}

async function freePort() {
  const server = createServer()
  await new Promise((resolve) => void server.listen(0, resolve))
  const { port } = server.address()
  await new Promise((resolve) => void server.close(resolve))
  return port
}

function run(program, args, cwd) {
  const { status, stderr, stdout } = spawnSync(program, args, { cwd, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed:\n${stdout}\n${stderr}`)
}
