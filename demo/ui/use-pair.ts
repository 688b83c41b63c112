/**
 * Plays one scenario twice at the same time, without rescind and with it: the same settings, the same keystrokes, the
 * same server. An action of the user on one side happens on both.
 */

import { useCallback, useEffect, useState } from 'react'
import { useTask } from 'rescind/react'
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
  const { run, cancel } = useTask(async (ctx, first?: Act) => {
    const off = perform(ctx, scenario, { settings, rescind: 'off' }, first)
    const on = perform(ctx, scenario, { settings, rescind: 'on' }, first)
    setPair({ off, on })
    await Promise.all([off.settled, on.settled])
  })

  const start = useCallback(() => void run(), [run])

  const act = useCallback(
    (act: Act) => {
      if (pair === undefined || [pair.off, pair.on].every(({ outcome }) => outcome.get() !== undefined)) {
        return void run(act)
      }
      pair.off.act(act)
      pair.on.act(act)
    },
    [run, pair],
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

  return [pair, start, cancel, act]
}
