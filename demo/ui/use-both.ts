/**
 * Runs both sides by one button: first without rescind, and with it as soon as the server has finished. It moves the
 * switch, as a user would. Any action of the user meanwhile ends the plan.
 */

import { useCallback, useEffect, useRef } from 'react'
import type { ChangeSetup, Setup } from './address.ts'
import type { Run } from './run.ts'

/**
 * @param run the newest run
 * @param state `running` while the page or the server still works on it
 */
export function useBoth(
  { rescind, settings }: Setup,
  change: ChangeSetup,
  run: Run | undefined,
  state: 'running' | 'still',
  start: () => void,
): [begin: () => void, drop: () => void] {
  /** The settings to compare with; undefined while there is no plan. */
  const plan = useRef<Setup['settings']>(undefined)

  const begin = useCallback(() => {
    plan.current = settings
    if (rescind === 'off') start()
    // A change of the switch begins a run by itself.
    else change({ rescind: 'off' })
  }, [change, rescind, settings, start])

  const drop = useCallback(() => {
    plan.current = undefined
  }, [])

  useEffect(() => {
    if (rescind === 'on' || settings !== plan.current) return drop()
    if (run?.rescind === 'off' && run.settings === settings && state === 'still') change({ rescind: 'on' })
  }, [change, drop, rescind, run, settings, state])

  return [begin, drop]
}
