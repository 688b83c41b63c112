/**
 * Counts what libraries do when several callers need the same data, when a server is in trouble, under a limit, when an
 * answer arrives in parts, and when a worker computes: `npm run bench:operations`. The scenario is the same for each;
 * the tables go into `docs`, between their marks. Time only decides whether something happens at once or much later.
 */

import { limiters, retriers, sharers } from './contenders.ts'
import type { Limiter, Retrier, Sharer, Work } from './contenders.ts'
import { jobRow, runners } from './jobs.ts'
import { after, pass } from './pass.ts'
import { readers, streamRow } from './streams.ts'
import { quote } from '../results.ts'

const CALLERS = 1_000
const WAITING = 10_000

let unhandled = 0
process.on('unhandledRejection', () => unhandled++)

/** Requests that take `ms`, stop with their signal, and are counted. */
class Server {
  requests = 0
  aborted = 0
  readonly #ms: number
  #isDown = false

  constructor(ms: number) {
    this.#ms = ms
  }

  goDown(): this {
    this.#isDown = true
    return this
  }

  readonly work: Work = (signal) => {
    this.requests++
    if (signal?.aborted) return Promise.reject(signal.reason as Error)
    return new Promise((resolve, reject) => {
      const answer = () => (this.#isDown ? reject(new Error('down')) : resolve('an answer'))
      const timer = setTimeout(answer, this.#ms)
      signal?.addEventListener('abort', () => {
        this.aborted++
        clearTimeout(timer)
        reject(signal.reason as Error)
      })
    })
  }
}

async function shareRow({ name, sharer }: Sharer): Promise<string[]> {
  const [first, second] = [new AbortController(), new AbortController()]
  const one = new Server(600)
  const ask = sharer(one.work)
  const left = ask(first.signal, 'first leaves')
  const stays = ask(second.signal, 'first leaves')
  // It is awaited only later, and must not count as an unhandled rejection until then.
  stays.catch(() => {})
  await pass(50)
  first.abort()
  const told = await after(300, left)
  const got = await after(2_000, stays)

  const [third, fourth] = [new AbortController(), new AbortController()]
  const both = new Server(300)
  const askBoth = sharer(both.work)
  const results = [third, fourth].map(({ signal }) => askBoth(signal, 'both leave'))
  for (const result of results) result.catch(() => {})
  await pass(50)
  fourth.abort()
  third.abort()
  await pass(500)

  const failing = new Server(5).goDown()
  const askFailing = sharer(failing.work)
  await after(100, askFailing(new AbortController().signal, 'fails'))
  await after(100, askFailing(new AbortController().signal, 'fails'))
  return [
    name,
    String(one.requests),
    told === 'error' ? 'at once' : 'no',
    got === 'result' ? 'the result' : 'an abort that is not its own',
    both.aborted > 0 ? 'aborted' : 'not aborted',
    failing.requests === 2 ? 'asks again' : 'gets the old error',
  ]
}

async function retryRow({ name, retrier }: Retrier): Promise<string[]> {
  const dead = new Server(1).goDown()
  const call = retrier({ attempts: 5, delay: 2 })
  const { signal } = new AbortController()
  await Promise.all(Array.from({ length: CALLERS }, () => call(signal, dead.work).catch(() => {})))

  const stop = new AbortController()
  const waiting = retrier({ attempts: 2, delay: 1_500 })(stop.signal, new Server(1).goDown().work)
  waiting.catch(() => {})
  await pass(200)
  stop.abort()
  const stopped = await after(500, waiting)

  const tight = retrier({ attempts: 2, delay: 1_500 })(signal, new Server(1).goDown().work, 1_000)
  const late = await after(500, tight)

  const asked = new Server(1)
  let attempts = 0
  let began = 0
  let waited = 0
  const busy: Work = () => {
    if (attempts++ > 0) waited = performance.now() - began
    began = performance.now()
    if (attempts > 1) return asked.work()
    const response = new Response('', { status: 503, headers: { 'Retry-After': '1' } })
    return Promise.reject(Object.assign(new Error('503'), { response }))
  }
  await retrier({ attempts: 2, delay: 1 })(signal, busy).catch(() => {})
  return [
    name,
    dead.requests.toLocaleString('en'),
    stopped === 'error' ? 'at once' : 'no',
    late === 'error' ? 'at once' : 'after a wait for nothing',
    waited > 900 ? 'yes' : 'no',
  ]
}

async function limitRow({ name, limiter, releaseTwice }: Limiter): Promise<string[]> {
  const server = new Server(3_000)
  const run = limiter()
  const holder = run(new AbortController().signal, server.work)
  const { signal, abort } = controller()
  let called = 0
  const waiting = Array.from({ length: WAITING }, () =>
    run(signal, async () => {
      called++
      return 'too late'
    }),
  )
  const all = Promise.allSettled(waiting)
  abort()
  const told = await Promise.race([all.then(() => 'result'), holder])
  await holder
  await all
  return [
    name,
    told === 'result' ? 'at once' : 'no',
    called.toLocaleString('en'),
    releaseTwice ? await releaseTwice() : 'there is no slot to release',
  ]
}

function controller(): { readonly signal: AbortSignal; readonly abort: () => void } {
  const controller = new AbortController()
  return { signal: controller.signal, abort: () => controller.abort() }
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}

async function rowsOf<T>(contenders: readonly T[], row: (contender: T) => Promise<string[]>): Promise<string[][]> {
  const rows: string[][] = []
  for (const contender of contenders) rows.push(await row(contender))
  return rows
}

/** The tables of each page, by their marks. */
const pages = {
  'docs/operations.md': {
    share: table(
      [
        '',
        'requests for two callers',
        'a caller that leaves is told',
        'the first leaves: the other gets',
        'both leave: the request is',
        'after a failure: the next call',
      ],
      await rowsOf(sharers, shareRow),
    ),
    retry: table(
      [
        '',
        'requests to a dead server',
        'Stop ends a wait',
        'rejects if the wait is longer than the time left',
        'Retry-After is obeyed',
      ],
      await rowsOf(retriers, retryRow),
    ),
    semaphore: table(
      [
        '',
        'a caller that leaves is told',
        'work that ran for 10,000 callers that had left',
        'a second release of a slot',
      ],
      await rowsOf(limiters, limitRow),
    ),
  },
  'docs/streams.md': {
    stream: table(
      [
        '',
        'ends that can be told apart',
        'an answer that stalls',
        'one that sends only keep-alive comments',
        '`return()` while a read is pending',
        'the server sees the end by',
      ],
      await rowsOf(readers, streamRow),
    ),
  },
  'docs/workers.md': {
    job: table(
      [
        '',
        'Stop: the caller is told',
        'Stop: the work ends',
        'Stop: a busy loop ends',
        'another job in that worker gets',
        'the work sees its deadline',
        'progress',
        'when the worker dies, the caller gets',
      ],
      await rowsOf(runners, jobRow),
    ),
  },
}

for (const [file, tables] of Object.entries(pages)) {
  for (const [name, text] of Object.entries(tables)) {
    console.log(`${text}\n`)
    quote(file, name, text)
  }
}
if (unhandled > 0) console.log(`${unhandled} rejections were not handled`)
process.exit()
