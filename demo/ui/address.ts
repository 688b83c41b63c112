/**
 * The address contains the whole setup of a scenario: `#/http-timeout?latency=800&timeout=300&rescind=off`. It is after
 * the hash, so that any static host can serve it. A change on the page takes effect at once. It is written to the
 * address after a pause, because browsers limit how often a page may write to its history.
 */

import { useCallback, useEffect, useMemo, useState } from 'react'
import { useLocation, useNavigate } from 'react-router'
import type { Scenario, Slider } from './scenario.ts'

/** How a scenario is played. */
export interface Setup {
  /** By name: the value of each slider in milliseconds, and the index of each chosen option. */
  readonly settings: Readonly<Record<string, number>>
  readonly rescind: 'on' | 'off'
}

export type ChangeSetup = (patch: Partial<Setup>) => void

interface Draft {
  readonly setup: Setup
  /**
   * The address when the draft was made, and the address that it becomes. At any other address the draft is dropped.
   */
  readonly from: string
  readonly to: string
}

const REST_MS = 250

/**
 * The setup of `scenario` from the address, and a function that changes it. The object stays the same until a value
 * changes.
 */
export function useSetup(scenario: Scenario): [setup: Setup, change: ChangeSetup] {
  const { pathname, search } = useLocation()
  const navigate = useNavigate()
  const [draft, setDraft] = useState<Draft>()
  const said = useMemo(() => setupOf(scenario, search), [scenario, search])
  const isCurrent = draft !== undefined && [draft.from, draft.to].includes(search)
  const setup = isCurrent ? draft.setup : said
  if (draft !== undefined && !isCurrent) setDraft(undefined)
  // The draft is written: going back to the address before it must drop it.
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
      // The user may have followed a link to a page that is still loading: do not navigate away from it.
      if (location.hash.split('?', 1)[0] === `#${pathname}`) void navigate({ search: draft.to }, { replace: true })
    }, REST_MS)
    return () => clearTimeout(timer)
  }, [draft, navigate, pathname, search])

  return [setup, change]
}

/** @param search the query of the address; a setting that it lacks has its initial value */
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
