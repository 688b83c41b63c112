/**
 * What the compiler must accept and refuse of the types of the hooks. Nothing here runs: `npm run check` is the test,
 * and an error that does not come is an error.
 */

import type { Context } from 'rescind'
import { useCancellable, useScope, useTask, useTimeout } from 'rescind/react'
import type { Task, TaskState } from 'rescind/react'

/** Accepts only an argument of exactly the type `Expected`. */
function exactly<Expected>() {
  return <Actual>(_: Actual & (Same<Actual, Expected> extends true ? unknown : never)): void => {}
}

type Same<One, Other> =
  (<Probe>() => Probe extends One ? 1 : 2) extends <Probe>() => Probe extends Other ? 1 : 2 ? true : false

declare function find(ctx: Context): Promise<string[]>
declare function save(ctx: Context, name: string, stars?: number): Promise<number>

/** `status` says what is there. */
export function Narrows(): unknown {
  const task = useTask(find, [])
  exactly<string[] | undefined>()(task.data)
  exactly<Context>()(task.context)
  if (task.status === 'success') {
    exactly<string[]>()(task.data)
    exactly<undefined>()(task.error)
  }
  if (task.status === 'idle') exactly<undefined>()(task.data)
  if (task.status === 'pending') {
    exactly<string[] | undefined>()(task.data)
    exactly<undefined>()(task.error)
    exactly<undefined>()(task.cause)
  }
  if (task.status === 'error') {
    exactly<unknown>()(task.error)
    exactly<string[] | undefined>()(task.data)
  }
  if (task.status === 'canceled') {
    exactly<undefined>()(task.error)
    exactly<unknown>()(task.cause)
  }
  // Taken apart, too.
  const { status, data, run } = task
  if (status === 'success') exactly<string[]>()(data)
  // @ts-expect-error -- it may be pending
  exactly<string[]>()(data)
  // @ts-expect-error -- no such status
  if (status === 'loading') return
  exactly<() => Promise<string[]>>()(run)
  return shows(task)
}

/** A part of the page that shows what a task has come to, whatever its work takes. */
function shows(state: TaskState<string[]>): number {
  return state.status === 'success' ? state.data.length : 0
}

/** Without deps it takes what its work takes. */
export function Manual(): unknown {
  const task = useTask(save)
  exactly<Task<number, [name: string, stars?: number]>>()(task)
  exactly<Promise<number>>()(task.run('Blue', 5))
  exactly<Promise<number | undefined>>()(task.runAction('Blue'))
  // @ts-expect-error -- a name is not optional
  void task.run()
  return useTask(save, undefined, { mode: 'first' }).run('Blue')
}

/** With deps it takes nothing, since nobody is there to give it. */
export function Automatic({ id }: { readonly id: number | undefined }): unknown {
  const perhaps = useTask(find, id === undefined ? undefined : [id])
  exactly<Task<string[]>>()(perhaps)
  // @ts-expect-error -- who would give it a name?
  useTask(save, [])
  // @ts-expect-error -- options are not deps
  useTask(find, { timeout: 5_000 })
  // @ts-expect-error -- null is neither deps nor none
  useTask(find, null)
  // @ts-expect-error -- no such mode
  useTask(find, [], { mode: 'fastest' })
  return perhaps
}

/** What cancels is a handler as it is. */
export function Handlers(): unknown {
  const [, cancel] = useCancellable(useScope())
  const onClick: (event: MouseEvent) => void = cancel
  const onPress: (event: MouseEvent) => void = useTask(find, []).cancel
  // @ts-expect-error -- never is null: what is missing is a mistake
  useTimeout(useScope(), undefined)
  return [onClick, onPress]
}
