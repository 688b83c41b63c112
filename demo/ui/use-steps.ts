/**
 * The handlers of a scene that starts work by hand: what the script does reaches them as what the user does, in the
 * turn in which it is done.
 */

import { useEffect, useEffectEvent } from 'react'
import type { Play } from './scenario.ts'

/** Calls `step` with every state that `play` is put into, and with that which a new play begins with. */
export function useSteps<State extends string>({ state }: Play<State>, step: (state: State) => void): void {
  const latest = useEffectEvent(step)
  useEffect(() => {
    const tell = () => latest(state.get())
    tell()
    return state.subscribe(tell)
  }, [state])
}
