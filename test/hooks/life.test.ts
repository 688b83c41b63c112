/** The lives of one component, without React: which one waits, which one ends, and what they leave behind. */

import { background, cause, withCancel } from 'rescind'
import type { Context } from 'rescind'
import { inspect } from 'rescind/inspect'
import { Hidden, Superseded, Unmounted } from 'rescind/react'
import { fakeClock } from 'rescind/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Lives, whenFinal } from '../../hooks/life.ts'
import type { Life, LifeSettings } from '../../hooks/life.ts'
import { microtask } from '../support.ts'

const components: { unmount(): void }[] = []

afterEach(async () => {
  vi.restoreAllMocks()
  for (const component of components.splice(0)) component.unmount()
  await rest()
})

async function rest(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await microtask()
}

/** A component that the test renders. */
function componentOf(parent: Context, more: Partial<LifeSettings> = {}) {
  const settings: LifeSettings = { kind: 'useCancellable', label: undefined, times: [], ...more }
  const lives = new Lives(settings, parent, undefined)
  const installed: Life[] = []
  const component = {
    lives,
    installed,
    commit(life = lives.life) {
      lives.unmount()
      lives.mount()
      lives.commit(life, settings, (next) => void installed.push(next))
    },
    /** Commits, and runs the effects. */
    show(life = lives.life) {
      component.commit(life)
      lives.refresh()
      lives.appear()
    },
    async hide() {
      lives.disappear()
      await rest()
    },
    /** Like React: insertion effects are cleaned up before passive ones. */
    unmount() {
      lives.unmount()
      if (lives.isShown) lives.disappear()
    },
  }
  components.push(component)
  return component
}

function pageshowIn(calls: readonly (readonly unknown[])[]): number {
  return calls.filter(([type]) => type === 'pageshow').length
}

function pages() {
  const added = vi.spyOn(globalThis, 'addEventListener')
  const removed = vi.spyOn(globalThis, 'removeEventListener')
  return { added: () => pageshowIn(added.mock.calls), removed: () => pageshowIn(removed.mock.calls) }
}

async function leavePage(): Promise<void> {
  globalThis.dispatchEvent(new Event('pagehide'))
  await rest()
}

describe('a life', () => {
  it('leaves no link if its component is unmounted while hidden', async () => {
    using inspector = inspect()
    const component = componentOf(background())
    component.show()
    await component.hide()
    expect(cause(component.lives.life.ctx)).toBe(Hidden)
    component.unmount()
    await rest()
    expect(inspector.rows.filter(({ how, kind }) => how === undefined && kind !== 'background')).toEqual([])
  })

  it('names the component in its end, not the page that it follows', () => {
    const component = componentOf(background())
    component.show()
    const { ctx } = component.lives.life
    component.unmount()
    expect(String(ctx)).toMatch(/useCancellable\(canceled: .*unmounted/)
  })

  it('ends if it has no time left, and its first effect does not restart it', () => {
    const component = componentOf(fakeClock(0).root, { times: [0] })
    component.show()
    expect(component.lives.life.ctx.err?.name).toBe('TimeoutError')
    expect(component.installed).toEqual([])
  })

  it('survives a second commit before its effects have run', async () => {
    const component = componentOf(background())
    component.commit()
    component.commit()
    await rest()
    expect(component.lives.life.ctx.err).toBeUndefined()
  })

  it('has ended by its deadline, not by a cancel, if `cancel` is called afterwards', async () => {
    const clock = fakeClock(0)
    const component = componentOf(clock.root, { times: [100] })
    component.show()
    await clock.advance(100)
    component.lives.cancel('too late')
    await component.hide()
    component.show()
    expect(component.installed).toHaveLength(1)
  })

  it('stays canceled if it was canceled while it was hidden', async () => {
    const component = componentOf(background())
    component.show()
    const { life } = component.lives
    await component.hide()
    component.lives.cancel('why')
    component.show(life)
    expect(component.installed.map(({ ctx }) => cause(ctx))).toEqual(['why'])
  })

  it('stays canceled if it was canceled before the page was left, or by a listener of that end', async () => {
    const [before, during] = [componentOf(background()), componentOf(background())]
    for (const component of [before, during]) component.show()
    before.lives.cancel('before')
    const { signal } = during.lives.life.ctx
    signal.addEventListener('abort', () => during.lives.cancel('during'))
    await leavePage()
    globalThis.dispatchEvent(new Event('pageshow'))
    expect(before.installed).toEqual([])
    expect(during.installed.map(({ ctx }) => cause(ctx))).toEqual(['during'])
  })

  it('stays timed out if it is hidden and shown in one turn, as in StrictMode', async () => {
    const clock = fakeClock(0)
    const component = componentOf(clock.root, { times: [100] })
    component.show()
    await component.hide()
    component.show()
    component.show(component.installed[0])
    await clock.advance(100)
    component.lives.disappear()
    component.show()
    expect(component.installed).toHaveLength(1)
  })

  it('is replaced when it is first shown if the page was left before', async () => {
    const component = componentOf(background())
    component.commit()
    component.lives.life.arm()
    await leavePage()
    component.show()
    expect(component.installed.map(({ ctx }) => ctx.err)).toEqual([undefined])
  })

  it('ends together with its successor on unmount', () => {
    const component = componentOf(background())
    component.show()
    const first = component.lives.life
    component.lives.reset()
    const second = component.lives.life
    expect(second).not.toBe(first)
    component.unmount()
    expect([first.isClosed, second.isClosed]).toEqual([true, true])
    expect([cause(first.ctx), cause(second.ctx)]).toEqual([Superseded, Unmounted])
  })
})

describe('reset', () => {
  it('restarts nothing after the unmount', () => {
    const component = componentOf(background())
    component.show()
    const { life } = component.lives
    component.unmount()
    component.lives.reset()
    expect(component.lives.life).toBe(life)
  })

  it('shows nothing in a hidden tab until the tab is shown', () => {
    const component = componentOf(background())
    component.show()
    component.lives.setTabHidden(true)
    component.lives.reset()
    expect(component.installed).toEqual([])
    component.lives.setTabHidden(false)
    expect(component.installed).toEqual([component.lives.life])
  })
})

describe('a tab that is shown', () => {
  it('shows nothing of a component that is itself hidden', async () => {
    const component = componentOf(background())
    component.show()
    component.lives.setTabHidden(true)
    await component.hide()
    component.lives.setTabHidden(false)
    expect(component.installed).toEqual([])
  })
})

describe('a component that is hidden while the page is left', () => {
  it('does not listen to the page', async () => {
    const listeners = pages()
    const component = componentOf(background())
    component.show()
    await component.hide()
    await leavePage()
    expect(listeners.added()).toBe(0)
  })
})

describe('a page that comes back', () => {
  it('restarts a life whose deadline had passed before', async () => {
    const clock = fakeClock(0)
    const component = componentOf(clock.root, { times: [100] })
    component.show()
    await clock.advance(100)
    await leavePage()
    globalThis.dispatchEvent(new Event('pageshow'))
    expect(component.installed.map(({ ctx }) => ctx.err)).toEqual([undefined])
  })

  it('has one listener, until it comes back or the component is hidden', async () => {
    const component = componentOf(background())
    component.show()
    await leavePage()
    const listeners = pages()
    globalThis.dispatchEvent(new Event('pageshow'))
    expect(component.installed).toHaveLength(1)
    expect(listeners.removed()).toBe(1)
    globalThis.dispatchEvent(new Event('pageshow'))
    expect(component.installed).toHaveLength(1)
    component.show(component.installed[0])
    await leavePage()
    expect(listeners.added()).toBe(1)
    const before = listeners.removed()
    await component.hide()
    expect(listeners.removed()).toBe(before + 1)
  })
})

describe('the wait for a successor', () => {
  it('ends for all waiters when the successor is shown', async () => {
    const component = componentOf(background())
    component.show()
    const { ctx } = component.lives.life
    component.lives.reset()
    const told: string[] = []
    whenFinal(ctx, () => told.push('one'))
    whenFinal(ctx, () => told.push('other'))
    await rest()
    expect(told).toEqual([])
    component.show()
    await rest()
    expect(told).toEqual(['one', 'other'])
  })

  it('ends when the parent ends, since no successor will come', async () => {
    const [parent, cancel] = withCancel(background())
    const component = componentOf(parent)
    component.show()
    const { ctx } = component.lives.life
    component.lives.reset()
    const told: string[] = []
    whenFinal(ctx, () => told.push('one'))
    cancel()
    await rest()
    expect(told).toEqual(['one'])
  })
})
