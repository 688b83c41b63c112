/**
 * Counts what libraries do with reads that are no longer needed, and with writes that still are: `npm run bench:peers`.
 * The components and the work are the same for each, in jsdom; the tables go into `docs/react.md`, between their marks.
 * Nothing is timed here.
 */

import { JSDOM } from 'jsdom'
import type { Contender, Work, Writer, Writes } from './contenders.tsx'
import { quote } from '../results.ts'

const { window } = new JSDOM('<!doctype html>', { pretendToBeVisual: true })
for (const name of ['window', 'document', 'navigator', 'HTMLElement', 'Node'] as const) {
  Object.defineProperty(globalThis, name, { configurable: true, value: name === 'window' ? window : window[name] })
}
const { StrictMode } = await import('react')
const { flushSync } = await import('react-dom')
const { createRoot } = await import('react-dom/client')
const { componentOf, contenders, writerOf, writers } = await import('./contenders.tsx')

const KEYSTROKES = 10

let unhandled = 0
process.on('unhandledRejection', () => unhandled++)

/** What became of the calls of one component. */
class Count {
  calls = 0
  aborted = 0
  /** How often a commit showed the answer to another query than the current one. */
  wrong = 0
  shown: string | undefined

  /** Work that takes `ms(query)` milliseconds, and stops when its signal aborts. */
  work(ms: (query: string) => number): Work {
    return (query, signal) =>
      new Promise((resolve, reject) => {
        this.calls++
        const timer = setTimeout(resolve, ms(query), `answer to ${query}`)
        signal?.addEventListener('abort', () => {
          this.aborted++
          clearTimeout(timer)
          reject(signal.reason as Error)
        })
      })
  }

  readonly seen = (query: string, answer: string | undefined): void => {
    this.shown = answer
    if (answer !== undefined && answer !== `answer to ${query}`) this.wrong++
  }
}

interface Row {
  readonly name: string
  readonly strict: Count
  readonly unmounted: Count
  readonly typed: Count
  readonly unhandled: number
}

function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Mounts `contender` with or without StrictMode, and passes `act` functions to change the query and to unmount. */
async function mount(
  contender: Contender,
  ms: (query: string) => number,
  act: (show: (query: string) => void, unmount: () => void) => Promise<void>,
  options: { readonly strict: boolean },
): Promise<Count> {
  const count = new Count()
  const Answer = componentOf(contender, count.work(ms), count.seen)
  const surround = contender.surround?.() ?? ((children) => children)
  const root = createRoot(window.document.createElement('div'))
  const show = (query: string) => {
    const tree = surround(<Answer query={query} />)
    flushSync(() => root.render(options.strict ? <StrictMode>{tree}</StrictMode> : tree))
  }
  const unmount = () => flushSync(() => root.unmount())
  show('0')
  await act(show, unmount)
  const result = Object.assign(new Count(), count)
  unmount()
  await pass(60)
  return result
}

async function measure(contender: Contender): Promise<Row> {
  const before = unhandled
  const strict = await mount(
    contender,
    () => 20,
    () => pass(60),
    { strict: true },
  )
  const unmounted = await mount(
    contender,
    () => 40,
    async (_, unmount) => {
      await pass(5)
      unmount()
      await pass(60)
    },
    { strict: false },
  )
  // Later queries are answered sooner, so answers arrive in reverse order.
  const typed = await mount(
    contender,
    (query) => 150 - 10 * Number(query),
    async (show) => {
      for (let key = 1; key < KEYSTROKES; key++) {
        await pass(2)
        show(String(key))
      }
      await pass(250)
    },
    { strict: false },
  )
  return { name: contender.name, strict, unmounted, typed, unhandled: unhandled - before }
}

interface WriterRow {
  readonly name: string
  readonly outlives: boolean
  readonly order: boolean
  readonly lastEdit: boolean
  readonly one: boolean | undefined
}

/** A server that stores writes: each takes some time, and the one that finishes last stays stored. */
class Store {
  readonly started: string[] = []
  readonly finished: string[] = []
  readonly aborted: string[] = []

  readonly work =
    (ms: (name: string) => number): Work =>
    (name, signal) =>
      new Promise((resolve, reject) => {
        this.started.push(name)
        const timer = setTimeout(() => {
          this.finished.push(name)
          resolve(name)
        }, ms(name))
        signal?.addEventListener('abort', () => {
          this.aborted.push(name)
          clearTimeout(timer)
          reject(signal.reason as Error)
        })
      })
}

/** Mounts a component that writes, lets `act` use it, and returns the store when all is over. */
async function write(
  writer: Writer,
  ms: (name: string) => number,
  act: (writes: () => Writes, unmount: () => void) => Promise<void>,
): Promise<Store> {
  const store = new Store()
  let offered: Writes | undefined
  const Editor = writerOf(writer, store.work(ms), (writes) => {
    offered = writes
  })
  const surround = writer.surround?.() ?? ((children) => children)
  const root = createRoot(window.document.createElement('div'))
  flushSync(() => root.render(surround(<Editor />)))
  await pass(5)
  await act(
    () => offered as Writes,
    () => flushSync(() => root.unmount()),
  )
  await pass(150)
  flushSync(() => root.unmount())
  return store
}

async function measureWriter(writer: Writer): Promise<WriterRow> {
  const closed = await write(
    writer,
    () => 40,
    async (writes, unmount) => {
      writes().save('a')
      unmount()
    },
  )
  // The first takes longer, so the second finishes last only if it is sent after the first has finished.
  const ordered = await write(
    writer,
    (name) => (name === 'v1' ? 60 : 10),
    async (writes) => {
      writes().save('v1')
      await pass(5)
      writes().save('v2')
    },
  )
  const typed = await write(
    writer,
    () => 10,
    async (writes, unmount) => {
      writes().type('v1')
      await pass(5)
      writes().type('v2')
      await pass(5)
      unmount()
    },
  )
  let isOne: boolean | undefined
  const many = await write(
    writer,
    () => 60,
    async (writes) => {
      const { upload } = writes()
      if (!upload) return
      const cancels = ['a', 'b', 'c'].map((name) => upload(name))
      await pass(10)
      cancels[1]?.()
      isOne = true
    },
  )
  return {
    name: writer.name,
    outlives: closed.finished.includes('a') && closed.aborted.length === 0,
    order: ordered.finished.join() === 'v1,v2',
    lastEdit: typed.finished.at(-1) === 'v2',
    one: isOne && many.aborted.join() === 'b' && many.finished.toSorted().join() === 'a,c',
  }
}

const rows: Row[] = []
for (const contender of contenders) rows.push(await measure(contender))

const table = [
  `| | StrictMode: calls, aborts | unmounted in flight | ${KEYSTROKES} keystrokes: aborts ` +
    '| wrong answers shown | unhandled rejections |',
  '|---|---|---|---|---|---|',
  ...rows.map(
    ({ name, strict, unmounted, typed, unhandled }) =>
      `| ${name} | ${strict.calls}, ${strict.aborted} | ${unmounted.aborted > 0 ? 'aborted' : 'runs on'} ` +
      `| ${typed.aborted} of ${typed.calls - 1} | ${typed.wrong} | ${unhandled} |`,
  ),
].join('\n')

const written: WriterRow[] = []
for (const writer of writers) written.push(await measureWriter(writer))

const yes = (does: boolean | undefined) => (does ? 'yes' : 'no')
const writes = [
  '| | a save outlives its component | two saves arrive in order ' +
    '| the last edit is saved on leave | one of many is canceled |',
  '|---|---|---|---|---|',
  ...written.map(
    ({ name, outlives, order, lastEdit, one }) =>
      `| ${name} | ${yes(outlives)} | ${yes(order)} | ${yes(lastEdit)} ` +
      `| ${one === undefined ? 'no way to' : yes(one)} |`,
  ),
].join('\n')

console.log(`${table}\n\n${writes}`)
quote('docs/react.md', 'peers', table)
quote('docs/react.md', 'writers', writes)
process.exit()
