/**
 * The address says everything: `#/http-timeout?latency=800&timeout=300&rescind=off`. The router has it after the hash,
 * so that every host of files serves it. What changes on the page is true at once and written to the address when it
 * has come to rest, because browsers ration writes to their history.
 */

import { useCallback, useEffect, useMemo, useState } from 'react'
import { useLocation, useNavigate } from 'react-router'
import type { Scenario, Slider } from './scenario.ts'

/** How a scenario is played. */
export interface Setup {
  /** In milliseconds, by the name of the slider; what is chosen, by its index. */
  readonly settings: Readonly<Record<string, number>>
  readonly rescind: 'on' | 'off'
}

export type ChangeSetup = (patch: Partial<Setup>) => void

interface Draft {
  readonly setup: Setup
  /** What the address said when it was made, and what it will say. Anything else is another address. */
  readonly from: string
  readonly to: string
}

const REST_MS = 250

/** How the address wants `scenario` to be played. The object is the same until something changes. */
export function useSetup(scenario: Scenario): [setup: Setup, change: ChangeSetup] {
  const { pathname, search } = useLocation()
  const navigate = useNavigate()
  const [draft, setDraft] = useState<Draft>()
  const said = useMemo(() => setupOf(scenario, search), [scenario, search])
  const isCurrent = draft !== undefined && [draft.from, draft.to].includes(search)
  const setup = isCurrent ? draft.setup : said
  if (draft !== undefined && !isCurrent) setDraft(undefined)
  // Now that it is written, what the address said before is another address.
  if (draft !== undefined && search === draft.to && draft.from !== draft.to) setDraft({ ...draft, from: draft.to })

  const change = useCallback(
    (patch: Partial<Setup>) => {
      const next = { ...setup, ...patch }
      setDraft({ setup: next, from: search, to: format(next) })
    },
    [setup, search],
  )

  useEffect(() => {
    if (draft === undefined || search === draft.to) return
    const timer = setTimeout(() => {
      // A link may have been followed whose page is still being loaded: it must not be left again.
      if (location.hash.split('?', 1)[0] === `#${pathname}`) void navigate({ search: draft.to }, { replace: true })
    }, REST_MS)
    return () => clearTimeout(timer)
  }, [draft, navigate, pathname, search])

  return [setup, change]
}

/** @param search the query of the address; without one, the scenario's own settings */
export function setupOf({ sliders, choices = [] }: Scenario, search = ''): Setup {
  const query = new URLSearchParams(search)
  const settings = [
    ...sliders.map((slider) => [slider.name, valueIn(query, slider)]),
    ...choices.map((choice) => [choice.name, valueIn(query, { ...choice, min: 0, max: choice.options.length - 1 })]),
  ]
  return { settings: Object.fromEntries(settings), rescind: query.get('rescind') === 'off' ? 'off' : 'on' }
}

function format({ settings, rescind }: Setup): string {
  const query = new URLSearchParams(Object.entries(settings).map(([name, ms]) => [name, String(ms)]))
  query.set('rescind', rescind)
  return `?${query}`
}

type Range = Pick<Slider, 'name' | 'min' | 'max' | 'initial'>

function valueIn(query: URLSearchParams, { name, min, max, initial }: Range): number {
  const text = query.get(name)
  const value = text === null || text.trim() === '' ? NaN : Number(text)
  return Number.isNaN(value) ? initial : Math.min(Math.max(Math.round(value), min), max)
}
