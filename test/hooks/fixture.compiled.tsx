/** A component like one of an application; the tests compile it with the React Compiler. */

import type { ReactElement } from 'react'
import type { Context } from 'rescind'
import { useContextState, useRemaining, useScope, useTask, useTimeout } from 'rescind/react'

interface Props {
  readonly load: (ctx: Context, query: string) => Promise<string>
  readonly query: string
}

export function Search({ load, query }: Props): ReactElement {
  const scope = useScope()
  const [ctx, cancel] = useTimeout(scope, 5_000)
  const task = useTask((ctx) => load(ctx, query), [load, query], { parent: ctx })
  const { done } = useContextState(ctx)
  const left = useRemaining(ctx)
  return (
    <section>
      <p>
        {task.status} {task.data} {done ? 'over' : 'live'} {left}
      </p>
      <button type="button" onClick={() => cancel('button')}>
        Stop
      </button>
      <button type="button" onClick={() => void task.run()}>
        Again
      </button>
    </section>
  )
}
