/**
 * A check for deps or a parent created during render: they change on every render, so the work would restart forever.
 * After many consecutive commits with changed items, it sets state during a render, and React renders the component
 * again with the same props and state. Items that differ between these two renders were created in render. Items that
 * change from outside are equal in both. Runs in development only.
 */

import { useEffect, useRef, useState } from 'react'
import { invalid } from '../src/arguments.ts'
import { sameItems } from './deps.ts'

/** Consecutive commits with changed items before we check for a loop. */
const MAX_CHANGES = 50

/** Makes the next render keep its items, to compare them with those of the repeated render. */
const PROBE: readonly unknown[] = []

interface Committed {
  items: readonly unknown[]
  /** The number of consecutive commits with changed items. */
  changes: number
}

/**
 * Checks that `items` are not created during render; undefined turns the check off.
 *
 * @throws TypeError if they are; it calls them `parameter` and shows `value`
 */
export function useStableCheck(items: readonly unknown[] | undefined, parameter: string, value: unknown): void {
  const [probe, setProbe] = useState<readonly unknown[]>()
  if (probe === PROBE) setProbe(items)
  else if (probe) {
    if (items && !sameItems(items, probe)) throw invalid(parameter, 'the same at each render (see useMemo)', value)
    setProbe(undefined)
  }
  const committed = useRef<Committed>({ items: [], changes: 0 })
  // oxlint-disable-next-line react-hooks/exhaustive-deps -- every commit counts, and almost none sets state
  useEffect(() => {
    const { current } = committed
    current.changes = items && !sameItems(items, current.items) ? current.changes + 1 : 0
    current.items = items ?? []
    if (current.changes % MAX_CHANGES === MAX_CHANGES - 1) setProbe(PROBE)
  })
}
