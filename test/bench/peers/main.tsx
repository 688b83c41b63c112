/**
 * What libraries do with work that nobody wants any more, counted: `npm run bench:peers`. The same component and the
 * same work for everybody, in jsdom; the table goes into the README, between its two marks. Nothing is timed here.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { JSDOM } from 'jsdom'
import type { Contender, Work } from './contenders.tsx'

const { window } = new JSDOM('<!doctype html>', { pretendToBeVisual: true })
for (const name of ['window', 'document', 'navigator', 'HTMLElement', 'Node'] as const) {
  Object.defineProperty(globalThis, name, { configurable: true, value: name === 'window' ? window : window[name] })
}
const { StrictMode } = await import('react')
const { flushSync } = await import('react-dom')
const { createRoot } = await import('react-dom/client')
const { componentOf, contenders } = await import('./contenders.tsx')

const KEYSTROKES = 10

let unhandled = 0
process.on('unhandledRejection', () => unhandled++)

/** What happened to the calls of one component. */
class Count {
  calls = 0
  aborted = 0
  /** How often a commit showed the answer to another query than the one asked for. */
  wrong = 0
  shown: string | undefined

  /** Takes `ms(query)` milliseconds, and stops when it is told to. */
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

/** Mounts `contender` under StrictMode or not, and gives `act` the means to change the query and to unmount. */
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
  const strict = await mount(contender, () => 20, () => pass(60), { strict: true })
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
  // The later the query, the sooner its answer: they come in reverse order.
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

const readme = readFileSync('README.md', 'utf8')
const updated = readme.replace(/(<!-- peers -->\n)[^]*?(?=<!-- \/peers -->)/, `$1${table}\n`)
writeFileSync('README.md', updated)
console.log(table)
process.exit()
