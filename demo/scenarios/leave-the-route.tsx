/** Reports that belong to a page of the application, and are unwanted when the page is left. */

import { useCallback, useEffect, useState } from 'react'
import { sleep } from 'rescind'
import { Scope, useRoute, useScope, useTask } from 'rescind/react'
import type { SceneProps, SceneScenario } from '../ui/scenario.ts'
import { useStore } from '../ui/store.ts'
import type { Store } from '../ui/store.ts'
import { eachLine, fetch } from '../ui/trace.ts'

type Page = 'home' | '2024' | '2025'
type Url = (page: Page) => string
type Show = (page: Page, line: string) => void

// #region with
function useReport(page: Page, url: Url, show: Show) {
  const [route] = useRoute(useScope())
  return useTask(
    async ({ signal }) => {
      const response = await fetch(url(page), { signal })
      await eachLine(response, (line) => show(page, line))
    },
    [page, url, show],
    { parent: route, enabled: page !== 'home' },
  )
}
// #endregion

// #region without
function useReportByHand(page: Page, url: Url, show: Show) {
  useEffect(() => {
    const load = async () => {
      const response = await fetch(url(page))
      await eachLine(response, (line) => show(page, line))
    }
    if (page !== 'home') void load()
  }, [page, url, show])
}
// #endregion

const REPORTS = ['2024', '2025'] as const

const GO = `func (app *App) Visit(page string) {
    app.leave(errNavigated)
    ctx, leave := context.WithCancelCause(app.root)
    app.leave = leave
    go app.loadReport(ctx, page)
}`

export const scenario: SceneScenario<Page> = {
  title: 'Leave the route',
  order: 110,
  about: (
    <>
      A report streams in, row by row, into a layout that stays mounted. With <code>useRoute</code>, a navigation ends
      the report of the page before it with the cause <em>navigated</em>, and the server stops making rows. Follow the
      links, or go back.
    </>
  ),
  go: GO,
  sliders: [
    { name: 'latency', label: 'A report takes', min: 100, max: 5000, step: 50, initial: 2000 },
    { name: 'leave', label: 'Leave after', min: 50, max: 3000, step: 50, initial: 600 },
  ],
  tallies: [
    {
      name: 'navigated',
      label: 'stopped by the route',
      count: (calls) => calls.filter(({ why }) => why === 'navigated').length,
    },
  ],
  marks: () => [],
  span: (ms) => Math.max(ms('latency') + ms('leave'), 2 * ms('leave')),
  initial: 'home',
  Scene,
  async script(ctx, { go, ms }) {
    for (const report of REPORTS) {
      visit(report, 'replace')
      go(report, report)
      await sleep(ctx, ms('leave'))
    }
    visit('home', 'replace')
    go('home', 'home')
  },
  async verdict(ctx, { calls, state, when }) {
    await when(ctx, () => {
      const page = state.get()
      const isAsked = page === 'home' || calls.get().some(({ name }) => name === nameOf(page))
      return isAsked && calls.get().every(({ ended }) => ended !== undefined)
    })
    const late = calls.get().filter(({ unwanted }) => unwanted !== undefined)
    const stopped = calls.get().filter(({ outcome }) => outcome === 'canceled')
    if (late.length > 0) return { kind: 'failed', text: `${counted(late.length)} arrived for a page that was left` }
    if (stopped.length > 0) return { kind: 'success', text: `${counted(stopped.length)} stopped with the route` }
    return { kind: 'success', text: 'reports received' }
  },
}

function Scene({ play, onAct }: SceneProps<Page>) {
  const { ctx, giveUp, ms, rescind, state, take, url } = play
  const page = useStore(state)
  const Layout = rescind === 'on' ? WithRoute : ByHand
  const reportUrl = useCallback((page: Page) => url(nameOf(page), { latency: ms('latency'), streams: true }), [url, ms])
  useEffect(() => giveUp(({ name }) => name !== nameOf(page)), [giveUp, page])

  useEffect(() => {
    const listener = () => onAct(visited(), visited())
    window.addEventListener('popstate', listener)
    return () => window.removeEventListener('popstate', listener)
  }, [onAct])

  // Leaving the scenario also leaves its pages.
  useEffect(() => () => visit('home', 'replace'), [])

  return (
    <Scope parent={ctx}>
      <ul className="links" aria-label="Pages of the application">
        {(['home', ...REPORTS] as const).map((target) => (
          <li key={target}>
            <a
              href={addressOf(target)}
              aria-current={target === page ? 'page' : undefined}
              onClick={(event) => {
                event.preventDefault()
                if (target === page) return
                visit(target, 'push')
                onAct(target, target)
              }}
            >
              {nameOf(target)}
            </a>
          </li>
        ))}
      </ul>
      <Layout key={take} page={page} url={reportUrl} current={state} />
    </Scope>
  )
}

interface LayoutProps {
  readonly page: Page
  readonly url: Url
  /** The page that is open. */
  readonly current: Store<Page>
}

function WithRoute({ page, url, current }: LayoutProps) {
  const [received, show] = useReceived(current)
  useReport(page, url, show)
  return <Reports page={page} received={received} />
}

function ByHand({ page, url, current }: LayoutProps) {
  const [received, show] = useReceived(current)
  useReportByHand(page, url, show)
  return <Reports page={page} received={received} />
}

interface Progress {
  readonly rows: number
  readonly of: number
  /** The rows that arrived while the page was not open. */
  readonly late: number
}

type Received = Readonly<Partial<Record<Page, Progress>>>

function useReceived(current: Store<Page>): [received: Received, show: Show] {
  const [received, setReceived] = useState<Received>({})
  const show = useCallback<Show>(
    (page, line) => {
      const { row, of } = JSON.parse(line) as { row: number; of: number }
      const isLate = current.get() !== page
      setReceived((received) => {
        const late = row === 1 ? 0 : (received[page]?.late ?? 0)
        return { ...received, [page]: { rows: row, of, late: isLate ? late + 1 : late } }
      })
    },
    [current],
  )
  return [received, show]
}

function Reports({ page, received }: { page: Page; received: Received }) {
  return (
    <ul className="reports">
      {REPORTS.map((report) => {
        const { rows = 0, of = 0, late = 0 } = received[report] ?? {}
        return (
          <li key={report} data-here={report === page}>
            <p>
              <b>{nameOf(report)}</b> {of === 0 ? 'no rows' : `${rows} of ${of} rows`}
              {late > 0 && <strong>{late} too late</strong>}
            </p>
            <progress value={rows} max={of || 1} aria-label={nameOf(report)} />
          </li>
        )
      })}
    </ul>
  )
}

function visit(page: Page, how: 'push' | 'replace'): void {
  if (how === 'push') history.pushState(null, '', addressOf(page))
  else history.replaceState(history.state, '', addressOf(page))
}

function visited(): Page {
  const report = new URLSearchParams(location.search).get('report')
  return REPORTS.find((known) => known === report) ?? 'home'
}

/** The address of a page. The hash stays: it belongs to the demo's router. */
function addressOf(page: Page): string {
  return `${location.pathname}${page === 'home' ? '' : `?report=${page}`}${location.hash}`
}

function nameOf(page: Page): string {
  return page === 'home' ? page : `report ${page}`
}

function counted(reports: number): string {
  return reports === 1 ? '1 report' : `${reports} reports`
}
