/**
 * Runs a scenario for a component: automatically after the settings have stopped changing, and on demand. There is one
 * run at a time. A new run supersedes the last one, and unmounting the component cancels the run. An action of the user
 * in a scene belongs to the run under way, or begins the next one.
 */

import { useCallback, useEffect, useRef, useState } from 'react'
import { background, sleep, withCancel } from 'rescind'
import type { Cancel } from 'rescind'
import { useTask } from 'rescind/react'
import type { Setup } from './address.ts'
import type { LinkState } from './link.ts'
import { perform } from './run.ts'
import type { Act, Run } from './run.ts'
import type { Scenario } from './scenario.ts'

export interface Runs {
  /** The newest run. */
  readonly current: Run | undefined
  /** The newest runs with the same settings, to be compared. */
  readonly on: Run | undefined
  readonly off: Run | undefined
}

const REST_MS = 300

const NONE: Runs = { current: undefined, on: undefined, off: undefined }

export function useRun(
  scenario: Scenario,
  setup: Setup,
  status: LinkState['status'],
): [runs: Runs, start: () => void, cancel: (cause: Error) => void, act: (act: Act) => void] {
  const [runs, setRuns] = useState(NONE)
  const pending = useRef<Cancel>(undefined)
  const latest = useRef<Run>(undefined)

  const { run, cancel: end } = useTask(async (ctx, setup: Setup, first?: Act) => {
    const current = (latest.current = perform(ctx, scenario, setup, first))
    setRuns((last) => ({
      ...(last.current?.settings === current.settings ? last : NONE),
      [current.rescind]: current,
      current,
    }))
    await current.settled
  })

  const begin = useCallback(
    (first?: Act) => {
      pending.current?.()
      void run(setup, first)
    },
    [run, setup],
  )

  const start = useCallback(() => begin(), [begin])

  const cancel = useCallback(
    (cause: Error) => {
      // The context of a finished run stays alive, because its scene still uses it.
      if (latest.current?.outcome.get() === undefined) end(cause)
    },
    [end],
  )

  const { current } = runs
  const act = useCallback(
    (act: Act) => {
      if (current?.outcome.get() !== undefined) begin(act)
      else current?.act(act)
    },
    [current, begin],
  )

  useEffect(() => {
    if (status !== 'up') return
    const [ctx, cancelPending] = withCancel(background(), { label: 'rest' })
    pending.current = cancelPending
    sleep(ctx, REST_MS).then(start, () => {})
    return () => cancelPending()
  }, [start, status])

  return [runs, start, cancel, act]
}
