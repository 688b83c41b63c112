/**
 * The worker of an SQLite database, in a browser or in a thread of Node. It handles one request after the other; only
 * `stop` is handled at once. It loads the official build of SQLite, which the user has installed. Outside a worker,
 * this module does nothing.
 */

import type { Database, SAHPoolUtil, Sqlite3Static } from '@sqlite.org/sqlite-wasm'
import { ALIVE } from './protocol.ts'
import type { Alive, Failure, Reply, Request, Result, Stop } from './protocol.ts'
import { canScript } from './script.ts'
import { Interrupted, Session } from './session.ts'
import { Stopper } from './stop.ts'

/** The other end: the page, or the thread that started this one. */
interface ParentThread {
  postMessage(message: Reply | Alive): void
  onMessage(listener: (message: Request | Stop) => void): void
}

interface NodePort {
  postMessage(message: unknown, transfer: []): void
  on(event: 'message', listener: (message: Request | Stop) => void): void
}

interface WebPort {
  postMessage(message: unknown, transfer: []): void
  addEventListener(type: 'message', listener: (event: MessageEvent<Request | Stop>) => void): void
}

interface WorkerGlobals {
  readonly WorkerGlobalScope?: unknown
  readonly process?: { getBuiltinModule?(name: 'node:worker_threads'): { readonly parentPort: NodePort | null } }
}

const INTERRUPT = 'SQLITE_INTERRUPT'

/** The number of new files that a pool has room for: the database, those that it attaches, and their journals. */
const SPARE = 6

/** The interval of signs of life while the worker loads SQLite over the network, in milliseconds. */
const SIGN_MS = 1_000

const port = portOf()

let sqlite3: Sqlite3Static
let stopper: Stopper
let session: Session | undefined
let turn: Promise<void> = Promise.resolve()

port?.postMessage(ALIVE)
port?.onMessage((message) => {
  // Ignore other messages: some tools send theirs to every worker.
  if (typeof message?.id !== 'number') return
  if (message.kind === 'stop') return stopper?.tell(message.id)
  turn = turn.then(() => answer(message))
})

async function answer(request: Request): Promise<void> {
  const { id } = request
  try {
    if (request.kind !== 'open') stopper.begin(request)
    const result = await obey(request)
    port?.postMessage({ id, result, isOpen: isOpen() })
  } catch (error) {
    port?.postMessage({ id, failure: failureOf(error), isOpen: isOpen() })
  }
}

async function obey(request: Request): Promise<Result> {
  const none: Result = { rows: [], changes: 0 }
  if (request.kind === 'open') {
    const timer = setInterval(() => port?.postMessage(ALIVE), SIGN_MS)
    try {
      sqlite3 = await load()
      stopper = new Stopper(request.flag)
      session = new Session(sqlite3, await openFile(request), stopper)
      return { ...none, mechanism: stopper.mechanism }
    } finally {
      clearInterval(timer)
    }
  }
  if (!session) throw new Error('the database is not open')
  switch (request.kind) {
    case 'run':
      return session.run(request.sql, request.params)
    case 'cursor':
      return session.open(request.sql, request.params)
    case 'next':
      return session.next(request.cursor)
    case 'discard':
      session.discard(request.cursor)
      return none
    case 'begin':
      session.begin(request.readOnly)
      return none
    case 'close':
      session.close()
      session = undefined
      return none
    default:
      session[request.kind]()
      return none
  }
}

/** Loads SQLite without its console output: it reports every interrupted step, which is normal here. */
async function load(): Promise<Sqlite3Static> {
  const quiet = { warn: () => {}, error: () => {} }
  Object.assign(globalThis, { sqlite3ApiConfig: quiet })
  const { default: init } = await import('@sqlite.org/sqlite-wasm')
  const sqlite3 = await init()
  if (!canScript(sqlite3)) {
    throw new Error(`@sqlite.org/sqlite-wasm ${sqlite3.version.libVersion} is too old: 3.51 or newer is needed`)
  }
  return sqlite3
}

async function openFile({ file, storage }: Extract<Request, { kind: 'open' }>): Promise<Database> {
  if (storage === 'memory') return new sqlite3.oo1.DB(':memory:')
  if (storage === 'opfs') {
    if (!sqlite3.oo1.OpfsDb) throw new Error('storage "opfs" needs a page that is cross-origin isolated')
    return new sqlite3.oo1.OpfsDb(file)
  }
  const pool = await openPool()
  return new pool.OpfsSAHPoolDb(file)
}

async function openPool(): Promise<SAHPoolUtil> {
  try {
    const pool = await sqlite3.installOpfsSAHPoolVfs({})
    // A full pool does not grow. Even a file that it has cannot be written to, since that needs a journal.
    await pool.reserveMinimumCapacity(pool.getFileCount() + SPARE)
    return pool
  } catch (cause) {
    const words = 'storage "opfs-sahpool" cannot be used here, or another open database uses it'
    throw new Error(`${words}: ${(cause as Error).message}`, { cause })
  }
}

function isOpen(): boolean {
  return session?.isOpen ?? false
}

function failureOf(error: unknown): Failure {
  const { message, resultCode } = error as Error & { resultCode?: number }
  if (error instanceof Interrupted) return { message: `${INTERRUPT}: interrupted`, code: INTERRUPT, interrupted: true }
  const code = resultCode === undefined ? undefined : sqlite3.capi.sqlite3_js_rc_str(resultCode)
  return { message, code, interrupted: code === INTERRUPT }
}

function portOf(): ParentThread | undefined {
  const { WorkerGlobalScope, process } = globalThis as WorkerGlobals
  const parent = process?.getBuiltinModule?.('node:worker_threads').parentPort
  if (parent) {
    return {
      postMessage: (message) => parent.postMessage(message, []),
      onMessage: (listener) => parent.on('message', listener),
    }
  }
  if (!WorkerGlobalScope) return undefined
  const scope = globalThis as unknown as WebPort
  return {
    postMessage: (message) => scope.postMessage(message, []),
    onMessage: (listener) => scope.addEventListener('message', ({ data }) => listener(data)),
  }
}
