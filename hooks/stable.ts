/**
 * Deps or a parent created during render change on every render, so the work would restart forever. After many commits
 * in a row with changed items, one of them is rendered twice: React does so at once, with the same props and states,
 * when a state is set in render. Items that differ between the two were created there; items that others change are the
 * same. Runs in development only.
 */

import { useEffect, useRef, useState } from 'react'
import { invalid } from '../src/arguments.ts'
import { sameItems } from './deps.ts'

/** Consecutive commits with changed items before we check for a loop. */
const MAX_CHANGES = 50

/** Asks for what is rendered, to be compared with what is rendered next. */
const PROBE: readonly unknown[] = []

interface Asked {
  items: readonly unknown[]
  /** How many commits in a row have asked for something else. */
  changes: number
}

/** Refuses `items` that are made in render, as a TypeError that calls them `parameter` and shows `value`. */
export function useStableCheck(items: readonly unknown[] | undefined, parameter: string, value: unknown): void {
  const [probe, setProbe] = useState<readonly unknown[]>()
  if (probe === PROBE) setProbe(items)
  else if (probe) {
    if (items && !sameItems(items, probe)) throw invalid(parameter, 'the same at each render (see useMemo)', value)
    setProbe(undefined)
  }
  const asked = useRef<Asked>({ items: [], changes: 0 })
  // oxlint-disable-next-line react-hooks/exhaustive-deps -- every commit counts, and hardly one sets anything
  useEffect(() => {
    const { current } = asked
    current.changes = items && !sameItems(items, current.items) ? current.changes + 1 : 0
    current.items = items ?? []
    if (current.changes % MAX_CHANGES === MAX_CHANGES - 1) setProbe(PROBE)
  })
}
