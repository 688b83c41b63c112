/**
 * Plays one scenario twice at the same time, without rescind and with it: the same settings, the same keys, the same
 * server. What the user does on either side happens on both.
 */

import { useCallback, useEffect, useRef, useState } from 'react'
import { background, withCancel } from 'rescind'
import type { Cancel } from 'rescind'
import type { Setup } from './address.ts'
import type { LinkState } from './link.ts'
import { perform } from './run.ts'
import type { Act, Run } from './run.ts'
import type { Scenario } from './scenario.ts'

export interface Pair {
  readonly off: Run
  readonly on: Run
}

export function usePair(
  scenario: Scenario,
  settings: Setup['settings'],
  status: LinkState['status'],
): [pair: Pair | undefined, start: () => void, cancel: (cause: Error) => void, act: (act: Act) => void] {
  const [pair, setPair] = useState<Pair>()
  const running = useRef<Cancel>(undefined)

  const begin = useCallback(
    (first?: Act) => {
      running.current?.(new Error('superseded'))
      const [ctx, end] = withCancel(background(), { label: scenario.title })
      running.current = end
      const off = perform(ctx, scenario, { settings, rescind: 'off' }, first)
      setPair({ off, on: perform(ctx, scenario, { settings, rescind: 'on' }, first) })
    },
    [scenario, settings],
  )

  const start = useCallback(() => begin(), [begin])

  const act = useCallback(
    (act: Act) => {
      if (pair === undefined || [pair.off, pair.on].every(({ outcome }) => outcome.get() !== undefined)) {
        return begin(act)
      }
      pair.off.act(act)
      pair.on.act(act)
    },
    [begin, pair],
  )

  useEffect(() => {
    if (status !== 'up') return
    // StrictMode sets every effect up twice.
    const timer = setTimeout(start)
    return () => clearTimeout(timer)
  }, [start, status])

  useEffect(() => {
    pair?.off.open()
    pair?.on.open()
  }, [pair])

  const cancel = useCallback((cause: Error) => running.current?.(cause), [])

  useEffect(() => () => cancel(new Error('navigated')), [cancel])

  return [pair, start, cancel, act]
}
