/** Uses `rescind/react` like a user's program; only its types are checked. */

import { createElement } from 'react'
import type { FunctionComponent } from 'react'
import { background, createKey } from 'rescind'
import type { Cancel, Context } from 'rescind'
import { Devtools, tanStackDevtoolsPlugin } from 'rescind/devtools'
import type { DevtoolsProps, TanStackPlugin } from 'rescind/devtools'
import { inspect } from 'rescind/inspect'
import { provide, Scope, Superseded, useAction, useContextState, useRemaining, useScope, useTask } from 'rescind/react'
import { useTimeout, useValue } from 'rescind/react'
import type { Action, ScopeHandle, Task } from 'rescind/react'

const user = createKey<{ readonly name: string }>('user')

const Album: FunctionComponent<{ readonly id: number }> = ({ id }) => {
  const [ctx, cancel, reset]: [ctx: Context, cancel: Cancel, reset: () => void] = useTimeout(useScope(), 5_000)
  const title: Task<string> = useTask(async ({ signal }) => (await fetch(`/${id}`, { signal })).text(), [id], {
    parent: ctx,
    mode: 'latest',
  })
  const save: Action<number, [name: string, stars: number]> = useAction(
    async (ctx: Context, name: string, stars: number) => name.repeat(stars).length,
    { mode: 'keepLatest', debounce: { ms: 300, maxWait: 1_000 }, onLeave: 'flush' },
  )
  const saved: Promise<number> = save.run('album', 5)
  void saved.then(() => cancel(Superseded), reset)
  const left: number | undefined = useRemaining(ctx, { interval: 100 })
  const { done, err } = useContextState(ctx)
  return `${title.data ?? title.status} ${left} ${done} ${err?.name} ${useValue(user)?.name}`
}

export function Page(handle: (scope: ScopeHandle | null) => void): unknown {
  return createElement(
    Scope,
    { parent: background(), timeout: 30_000, values: [provide(user, { name: 'Ada' })], route: true, ref: handle },
    createElement(Album, { id: 1 }),
  )
}

const inspector: DevtoolsProps['inspector'] = inspect({ stacks: true })
export const plugin: TanStackPlugin = tanStackDevtoolsPlugin({ inspector })
export const panel: unknown = createElement(Devtools, {
  inspector,
  open: true,
  onOpenChange: (open: boolean) => void open,
})
