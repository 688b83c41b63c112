/** Transitions and form actions. */

import { act, render } from '@testing-library/react'
import { StrictMode, createRef, startTransition, useTransition } from 'react'
import type { Context } from 'rescind'
import { Scope, Superseded, useTask } from 'rescind/react'
import type { ScopeHandle, Task } from 'rescind/react'
import { fakeClock } from 'rescind/testing'
import { describe, expect, it } from 'vitest'
import { failOnNoise, fakeWork, settle, use, useActionState, watch } from './support.tsx'

failOnNoise()

type Save = Task<string, [name: string]>

describe('a transition', () => {
  it('may start work, which is not canceled by its rerenders', async () => {
    const work = fakeWork<string, [name: string]>()
    const task = watch<Save>()
    const transition = watch<boolean>()
    const start = watch<() => void>()
    function Component() {
      const [isPending, begin] = useTransition()
      transition.see(isPending)
      const save = task.see(useTask<string, [name: string]>(work.fn))
      start.see(() => begin(() => void save.runAction('Blue')))
      return save.status
    }
    const { container } = render(<Component />, { wrapper: StrictMode })
    await settle(() => start.last())
    expect(work.causes).toEqual([undefined])
    expect(container.textContent).toBe('pending')
    await settle(() => work.last.resolve('saved'))
    expect(container.textContent).toBe('success')
    expect(transition.last).toBe(false)
  })

  it.skipIf(!use)('that waits for work is pending until it is done or canceled', async () => {
    const work = fakeWork<string, [name: string]>()
    const task = watch<Save>()
    const transition = watch<boolean>()
    const start = watch<() => void>()
    const results: unknown[] = []
    function Component() {
      const [isPending, begin] = useTransition()
      transition.see(isPending)
      const save = task.see(useTask<string, [name: string]>(work.fn))
      start.see(() => begin(async () => void results.push(await save.runAction('Blue'))))
      return null
    }
    render(<Component />)
    await settle(() => start.last())
    expect(transition.last).toBe(true)
    await settle(() => work.last.resolve('saved'))
    expect(transition.last).toBe(false)
    expect(task.last).toMatchObject({ status: 'success', data: 'saved' })
    await settle(() => start.last())
    await settle(() => task.last.cancel())
    expect(transition.last).toBe(false)
    expect(results).toEqual(['saved', undefined])
  })
})

/** Stands in its place where React has none, and the test is skipped. */
const useAnswer = useActionState ?? ((): never => expect.unreachable())

/** Sends the form as a click on its button does. */
function submit(form: HTMLFormElement | null, name: string) {
  const input = form?.querySelector('input')
  if (input) input.value = name
  form?.requestSubmit()
}

describe.skipIf(!useActionState)('a form', () => {
  it('comes to its end though its action resets the scope around it first', async () => {
    const work = fakeWork<string, []>()
    const scope = createRef<ScopeHandle>()
    const results: unknown[] = []
    function Form() {
      const save = useTask<string, []>(work.fn)
      const action = async () => {
        scope.current?.reset()
        results.push(await save.runAction())
      }
      return <form action={action}>{save.status}</form>
    }
    const { container } = render(
      <Scope ref={scope}>
        <Form />
      </Scope>,
    )
    await settle(() => container.querySelector('form')?.requestSubmit())
    expect(results).toEqual([undefined])
    expect(container.textContent).toBe('canceled')
  })

  it('shows that its action is under way, and when that is over what came out', async () => {
    const work = fakeWork<string, [data: FormData]>()
    function Form() {
      const save = useTask<string, [data: FormData]>(work.fn)
      return (
        <form action={async (data) => void (await save.runAction(data))}>
          <input name="album" />
          <button disabled={save.status === 'pending'}>{save.status}</button>
        </form>
      )
    }
    const { container } = render(<Form />, { wrapper: StrictMode })
    const button = container.querySelector('button')
    await settle(() => submit(container.querySelector('form'), 'Blue'))
    expect([button?.textContent, button?.disabled]).toEqual(['pending', true])
    await settle(() => work.last.resolve('saved'))
    expect([button?.textContent, button?.disabled]).toEqual(['success', false])
  })

  it('runs its action, and the next one cancels it without an error', async () => {
    const work = fakeWork<string, [data: FormData]>()
    const task = watch<Task<string, [data: FormData]>>()
    function Form() {
      const save = task.see(useTask<string, [data: FormData]>(work.fn))
      return (
        <form action={async (data) => void (await save.runAction(data))}>
          <input name="album" />
        </form>
      )
    }
    const { container } = render(<Form />, { wrapper: StrictMode })
    const form = container.querySelector('form')
    await act(async () => submit(form, 'Blue'))
    await act(async () => submit(form, 'Hejira'))
    await settle()
    expect(work.calls.map(({ args: [data] }) => data.get('album'))).toEqual(['Blue', 'Hejira'])
    expect(work.causes).toEqual([Superseded, undefined])
    await settle(() => work.last.resolve('saved'))
    expect(task.last).toMatchObject({ status: 'success', data: 'saved' })
  })

  it('keeps state with useActionState: a cancel is no answer, a timeout an error to handle', async () => {
    const clock = fakeClock(0)
    const states = watch<unknown>()
    const task = watch<Save>()
    const send = watch<(name: string) => void>()
    const work = fakeWork<string, [name: string]>()
    function Form() {
      const save = task.see(useTask<string, [name: string]>(work.fn, undefined, { parent: clock.root, timeout: 100 }))
      const answer = async (before: string, name: string) => {
        try {
          return (await save.runAction(name)) ?? before
        } catch (error) {
          return (error as Error).name
        }
      }
      const [state, dispatch] = useAnswer(answer, 'nothing')
      states.see(state)
      send.see((name) => startTransition(() => dispatch(name)))
      return null
    }
    render(<Form />)
    await settle(() => send.last('Blue'))
    await settle(() => task.last.cancel())
    expect(states.last).toBe('nothing')
    await settle(() => send.last('Blue'))
    await settle(() => work.last.resolve('saved'))
    expect(states.last).toBe('saved')
    await settle(() => send.last('Hejira'))
    await settle(() => clock.advance(100))
    expect(states.last).toBe('TimeoutError')
  })
})

describe('an optimistic button', () => {
  it('pressed twice with mode first saves once', async () => {
    const saves: string[] = []
    const work = fakeWork<string, [name: string]>()
    const press = watch<() => void>()
    function Button() {
      const { runAction } = useTask<string, [name: string]>(
        (ctx: Context, name) => {
          saves.push(name)
          return work.fn(ctx, name)
        },
        undefined,
        { mode: 'first' },
      )
      press.see(() => void runAction('Blue'))
      return null
    }
    render(<Button />, { wrapper: StrictMode })
    await settle(() => press.last())
    await settle(() => press.last())
    expect(saves).toEqual(['Blue'])
    await settle(() => work.last.resolve('saved'))
    await settle(() => press.last())
    expect(saves).toEqual(['Blue', 'Blue'])
  })
})
