/** The figures of both runs, on the page and as a table in Markdown. */

import { useRef } from 'react'
import type { ReactElement } from 'react'
import { Copy } from './copy.tsx'
import type { LinkState } from './link.ts'
import { figuresOf, noCalls, noNotes, Result, useTimeline } from './panels.tsx'
import type { Run } from './run.ts'
import type { Scenario } from './scenario.ts'
import { useStore } from './store.ts'
import type { Runs } from './use-run.ts'

export interface CompareProps {
  readonly scenario: Scenario
  readonly runs: Pick<Runs, 'on' | 'off'>
  readonly link: LinkState
}

export function Compare({ scenario, runs: { on, off }, link }: CompareProps): ReactElement {
  const { compares: [without, withIt] = ['Without rescind', 'With rescind'], tallies, title } = scenario
  const left = useFigures(scenario, off, link)
  const right = useFigures(scenario, on, link)
  const table = useRef<HTMLPreElement>(null)
  const markdown = [
    `| ${title} | ${without} | ${withIt} |`,
    '| --- | ---: | ---: |',
    ...left.map(([label, value], index) => `| ${label} | ${value} | ${right[index]?.[1] ?? '–'} |`),
  ].join('\n')
  return (
    <>
      <div className="results">
        <Result title={without} run={off} link={link} tallies={tallies} />
        <Result title={withIt} run={on} link={link} tallies={tallies} />
      </div>
      <div className="tools">
        <details>
          <summary>The comparison as Markdown</summary>
          {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a region that scrolls takes the focus */}
          <pre ref={table} tabIndex={0}>
            {markdown}
          </pre>
        </details>
        <Copy
          label="Copy as Markdown"
          text={markdown}
          onRefused={() => {
            table.current?.parentElement?.setAttribute('open', '')
            if (table.current !== null) getSelection()?.selectAllChildren(table.current)
          }}
        />
      </div>
    </>
  )
}

function useFigures({ tallies = [] }: Scenario, run: Run | undefined, link: LinkState) {
  const [timeline, outcome] = useTimeline(run, link)
  const calls = useStore(run?.trace ?? noCalls)
  const notes = useStore(run?.play.notes ?? noNotes)
  const figures = figuresOf(timeline, tallies, calls, notes).map(({ label, value }) => [label, value] as const)
  return [['outcome', outcome?.text ?? 'not run'] as const, ...figures]
}
