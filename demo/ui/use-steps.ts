/** Calls the handlers of a scene for what the script does, just as for what the user does, and synchronously. */

import { useEffect, useEffectEvent } from 'react'
import type { Play } from './scenario.ts'

/** Calls `step` with the first state of each play, and with every later one. */
export function useSteps<State extends string>({ state }: Play<State>, step: (state: State) => void): void {
  const latest = useEffectEvent(step)
  useEffect(() => {
    const tell = () => latest(state.get())
    tell()
    return state.subscribe(tell)
  }, [state])
}
