/**
 * Types of the hooks that the compiler must accept and refuse. Nothing here runs: `npm run check` is the test, and a
 * missing error fails it.
 */

import { createKey } from 'rescind'
import type { Context } from 'rescind'
import {
  provide,
  useAction,
  useCancellable,
  useContextState,
  useDeadline,
  usePending,
  useRemaining,
  useRoute,
  useScope,
  useTask,
  useTimeout,
  useValue,
} from 'rescind/react'
import type { Action, ScopeValue, Task, TaskState } from 'rescind/react'

/** Accepts only an argument of exactly the type `Expected`. */
function exactly<Expected>() {
  return <Actual>(_: Actual & (Same<Actual, Expected> extends true ? unknown : never)): void => {}
}

type Same<One, Other> =
  (<Probe>() => Probe extends One ? 1 : 2) extends <Probe>() => Probe extends Other ? 1 : 2 ? true : false

declare function find(ctx: Context): Promise<string[]>
declare function save(ctx: Context, name: string, stars?: number): Promise<number>

/** `status` narrows the other fields. */
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
  // Also after destructuring.
  const { status, data, run } = task
  if (status === 'success') exactly<string[]>()(data)
  // @ts-expect-error -- it may be pending
  exactly<string[]>()(data)
  // @ts-expect-error -- no such status
  if (status === 'loading') return
  exactly<() => Promise<string[]>>()(run)
  return shows(task)
}

/** A function of the state of a task, independent of the arguments of its work. */
function shows(state: TaskState<string[]>): number {
  return state.status === 'success' ? state.data.length : 0
}

/** Without deps, `run` takes the arguments of the work. */
export function Manual(): unknown {
  const task = useTask(save)
  exactly<Task<number, [name: string, stars?: number]>>()(task)
  exactly<Promise<number>>()(task.run('Blue', 5))
  exactly<Promise<void>>()(task.action('Blue'))
  // @ts-expect-error -- a name is not optional
  void task.run()
  return useTask(save, { mode: 'first' }).run('Blue')
}

/** With deps, the work takes no arguments. */
export function Automatic({ id }: { readonly id: number | undefined }): unknown {
  const perhaps = useTask(find, id === undefined ? undefined : [id])
  exactly<Task<string[]>>()(perhaps)
  // @ts-expect-error -- nothing would provide the name
  useTask(save, [])
  // @ts-expect-error -- null is neither deps nor options
  useTask(find, null)
  // @ts-expect-error -- a mode of writes: see useAction
  useTask(find, [], { mode: 'queue' })
  return perhaps
}

/** Errors in options are reported at the option: each of these lines has one error, on the option's own line. */
export function Options(): void {
  useTask(find, {
    // @ts-expect-error -- no such option
    timout: 5_000,
  })
  useTask(find, [], {
    // @ts-expect-error -- not a number
    timeout: '5s',
  })
  useTask(find, [], {
    // @ts-expect-error -- no such mode
    mode: 'fastest',
  })
  useTask(find, [], {
    debounce: {
      ms: 200,
      // @ts-expect-error -- no such option
      trailing: true,
    },
  })
  useAction(save, {
    // @ts-expect-error -- no such mode: newer reads supersede older ones, writes do not
    mode: 'latest',
  })
}

/** The values that an async generator yields are the data. */
export function Generators(): unknown {
  const chat = useTask(async function* (ctx: Context, question: string) {
    for (const word of question.split(' ')) yield [word, await save(ctx, word)] as const
  })
  exactly<readonly [string, number] | undefined>()(chat.data)
  exactly<Promise<readonly [string, number]>>()(chat.run('why'))
  const poll = useTask(async function* (ctx) {
    for (;;) yield await find(ctx)
  }, [])
  exactly<string[] | undefined>()(poll.data)
  return poll
}

/** An action is a task that also lists its runs. */
export function Writes(): unknown {
  const action = useAction(save, { mode: 'all', limit: 3 })
  exactly<Action<number, Parameters<typeof action.run>>>()(action)
  exactly<Promise<number>>()(action.run('Blue', 5))
  exactly<[name: string, stars?: number | undefined] | undefined>()(action.runs[0]?.args)
  const form = useAction((ctx: Context, data: FormData) => save(ctx, String(data.get('name'))))
  const submit: (data: FormData) => Promise<void> = form.action
  // @ts-expect-error -- a write has no deps, since it is not automatic
  useAction(save, [])
  return [submit, shows(useTask(find))]
}

const user = createKey<{ readonly id: number }>('user')

/** Values have the type of their key. */
export function Values(): readonly ScopeValue[] {
  // @ts-expect-error -- an id is a number
  provide(user, { id: '1' })
  // @ts-expect-error -- only `provide` checks the type
  const pair: ScopeValue = [user, { id: 1 }]
  return [provide(user, { id: 1 }), pair]
}

/** What a component reads of a context has one type before and after its end. */
export function Reads(): unknown {
  const scope = useScope()
  exactly<{ readonly id: number } | undefined>()(useValue(user))
  exactly<number | undefined>()(useRemaining(scope, { interval: 100 }))
  exactly<number | undefined>()(useContextState(scope).deadline)
  exactly<boolean>()(useContextState(scope).done)
  // @ts-expect-error -- a number of milliseconds is not an object of options
  return useRemaining(scope, 100)
}

/** Limits are numbers or Dates, and `ignore` compares two addresses. */
export function Limits(): unknown {
  const [ctx] = useRoute(useScope(), { ignore: (to, from) => to.pathname === from.pathname })
  // @ts-expect-error -- `ignore` returns a boolean
  useRoute(ctx, { ignore: () => 'no' })
  // @ts-expect-error -- a time is a Date or a number, not its text
  useDeadline(ctx, '2030-01-01')
  return useDeadline(ctx, new Date(0))
}

/** `cancel` and `reset` can be event handlers. */
export function Handlers(): unknown {
  const [, cancel, reset] = useCancellable(useScope())
  const onClick: (event: MouseEvent) => void = cancel
  const onAgain: (event: MouseEvent) => void = reset
  const onPress: (event: MouseEvent) => void = useTask(find, []).cancel
  exactly<number>()(usePending())
  // @ts-expect-error -- null means no timeout; undefined is a mistake
  useTimeout(useScope(), undefined)
  return [onClick, onAgain, onPress]
}
