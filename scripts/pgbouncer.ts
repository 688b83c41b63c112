/**
 * A real PgBouncer in transaction mode, for `npm run test:faults`. Each transaction runs on one of a few connections,
 * so a setting of the session would affect other clients. As root on Debian, installs the package if it is missing.
 */

import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { freePort } from './postgres.ts'
import type { Access } from './postgres.ts'

export interface PgBouncer {
  readonly access: Access
  stop(): Promise<void>
}

/**
 * Starts PgBouncer in front of `server`, with `connections` connections to it.
 *
 * @throws Error that says what to install
 */
export async function startPgBouncer(server: Access, connections: number): Promise<PgBouncer> {
  const program = find() ?? install()
  const folder = mkdtempSync(join(tmpdir(), 'rescind-pgbouncer-'))
  const port = await freePort()
  const { host, user, password, database } = server
  const file = join(folder, 'pgbouncer.ini')
  const users = join(folder, 'users.txt')
  const text = [
    '[databases]',
    `${database} = host=${host} port=${server.port} dbname=${database} user=${user} password=${password}`,
    '[pgbouncer]',
    `listen_addr = ${host}`,
    `listen_port = ${port}`,
    'unix_socket_dir =',
    'auth_type = any',
    `auth_file = ${users}`,
    'pool_mode = transaction',
    `default_pool_size = ${connections}`,
    'log_connections = 0',
    'log_disconnections = 0',
    'log_pooler_errors = 0',
    '',
  ].join('\n')
  writeFileSync(file, text)
  writeFileSync(users, `"${user}" "${password}"\n`)
  const errors: string[] = []
  // PgBouncer refuses to run as root, so it runs as PostgreSQL's user.
  const isRoot = process.getuid?.() === 0
  if (isRoot) chmodSync(folder, 0o755)
  const bouncer = spawn(program, [...(isRoot ? ['-u', user] : []), file], { stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = new Promise<void>((resolve) => {
    bouncer.once('close', () => resolve())
  })
  bouncer.stderr.on('data', (data) => errors.push(String(data)))
  const kill = () => void bouncer.kill('SIGKILL')
  process.once('exit', kill)
  while (!(await listens(host, port))) {
    if (bouncer.exitCode !== null) throw new Error(`PgBouncer did not start:\n${errors.join('')}`)
    await new Promise((resolve) => {
      setTimeout(resolve, 20)
    })
  }
  return {
    access: { ...server, port },
    stop: async () => {
      process.removeListener('exit', kill)
      kill()
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function find(): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return folders.map((folder) => join(folder, 'pgbouncer')).find((path) => existsSync(path))
}

function install(): string {
  if (process.getuid?.() === 0 && existsSync('/etc/debian_version')) {
    console.log('No PgBouncer found: installing the pgbouncer package for the tests.')
    process.env.DEBIAN_FRONTEND = 'noninteractive'
    apt('update', '-qq')
    apt('install', '-y', '-qq', '--no-install-recommends', 'pgbouncer')
  }
  const found = find()
  if (found !== undefined) return found
  throw new Error('PgBouncer was not found in the PATH: install it (on Debian: apt-get install pgbouncer).')
}

function apt(...args: readonly string[]): void {
  const command = 'apt-get'
  spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'], timeout: 240_000 })
}

function listens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(port, host, () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', () => resolve(false))
  })
}
