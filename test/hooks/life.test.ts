/** The lives of one component, without React: which of them waits, which is closed, and what is left behind. */

import { background, cause, withCancel } from 'rescind'
import type { Context } from 'rescind'
import { inspect } from 'rescind/inspect'
import { Hidden, Superseded, Unmounted } from 'rescind/react'
import { fakeClock } from 'rescind/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Home, whenFinal } from '../../hooks/life.ts'
import type { Life, Terms } from '../../hooks/life.ts'
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

/** A component that is rendered by hand. */
function componentOf(parent: Context, more: Partial<Terms> = {}) {
  const terms: Terms = { kind: 'useCancellable', label: undefined, times: [], ...more }
  const home = new Home(terms, parent, undefined)
  const installed: Life[] = []
  const component = {
    home,
    installed,
    commit(life = home.life) {
      home.unmount()
      home.mount()
      home.commit(life, terms, (next) => void installed.push(next))
    },
    /** Commits, and runs the effects. */
    show(life = home.life) {
      component.commit(life)
      home.refresh()
      home.appear()
    },
    async hide() {
      home.disappear()
      await rest()
    },
    /** As React does: insertion effects are cleaned up before passive ones. */
    unmount() {
      home.unmount()
      if (home.isShown) home.disappear()
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
  it('that was hidden leaves nothing linked when its component is unmounted', async () => {
    using inspector = inspect()
    const component = componentOf(background())
    component.show()
    await component.hide()
    expect(cause(component.home.life.ctx)).toBe(Hidden)
    component.unmount()
    await rest()
    expect(inspector.rows.filter(({ how, kind }) => how === undefined && kind !== 'background')).toEqual([])
  })

  it('says where it ended: at the component, not at the page that it follows', () => {
    const component = componentOf(background())
    component.show()
    const { ctx } = component.home.life
    component.unmount()
    expect(String(ctx)).toMatch(/useCancellable\(canceled: .*unmounted/)
  })

  it('without a time left ends, and is not begun again by its first effect', () => {
    const component = componentOf(fakeClock(0).root, { times: [0] })
    component.show()
    expect(component.home.life.ctx.err?.name).toBe('TimeoutError')
    expect(component.installed).toEqual([])
  })

  it('of which the effects have not run yet survives a second commit', async () => {
    const component = componentOf(background())
    component.commit()
    component.commit()
    await rest()
    expect(component.home.life.ctx.err).toBeUndefined()
  })

  it('whose time ran out is not taken for one that was canceled by hand, if `cancel` is called after that', async () => {
    const clock = fakeClock(0)
    const component = componentOf(clock.root, { times: [100] })
    component.show()
    await clock.advance(100)
    component.home.cancel('too late')
    await component.hide()
    component.show()
    expect(component.installed).toHaveLength(1)
  })

  it('and its successor are both closed by an unmount', () => {
    const component = componentOf(background())
    component.show()
    const first = component.home.life
    component.home.reset()
    const second = component.home.life
    expect(second).not.toBe(first)
    component.unmount()
    expect([first.isClosed, second.isClosed]).toEqual([true, true])
    expect([cause(first.ctx), cause(second.ctx)]).toEqual([Superseded, Unmounted])
  })
})

describe('reset', () => {
  it('after the unmount begins nothing', () => {
    const component = componentOf(background())
    component.show()
    const { life } = component.home
    component.unmount()
    component.home.reset()
    expect(component.home.life).toBe(life)
  })

  it('in a hidden tab shows nothing until the tab is shown', () => {
    const component = componentOf(background())
    component.show()
    component.home.turn(true)
    component.home.reset()
    expect(component.installed).toEqual([])
    component.home.turn(false)
    expect(component.installed).toEqual([component.home.life])
  })
})

describe('a tab that is shown', () => {
  it('shows nothing of a component that is hidden itself', async () => {
    const component = componentOf(background())
    component.show()
    component.home.turn(true)
    await component.hide()
    component.home.turn(false)
    expect(component.installed).toEqual([])
  })
})

describe('a component that is hidden while the page is left', () => {
  it('listens for no page', async () => {
    const listeners = pages()
    const component = componentOf(background())
    component.show()
    await component.hide()
    await leavePage()
    expect(listeners.added()).toBe(0)
  })
})

describe('a page that comes back', () => {
  it('begins again a life whose time had run out before', async () => {
    const clock = fakeClock(0)
    const component = componentOf(clock.root, { times: [100] })
    component.show()
    await clock.advance(100)
    await leavePage()
    globalThis.dispatchEvent(new Event('pageshow'))
    expect(component.installed.map(({ ctx }) => ctx.err)).toEqual([undefined])
  })

  it('is listened for once, and no longer when it came or the component was hidden', async () => {
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
  it('ends for all that wait when the successor is shown', async () => {
    const component = componentOf(background())
    component.show()
    const { ctx } = component.home.life
    component.home.reset()
    const told: string[] = []
    whenFinal(ctx, () => told.push('one'))
    whenFinal(ctx, () => told.push('other'))
    await rest()
    expect(told).toEqual([])
    component.show()
    await rest()
    expect(told).toEqual(['one', 'other'])
  })

  it('ends when the parent does, since none will come', async () => {
    const [parent, cancel] = withCancel(background())
    const component = componentOf(parent)
    component.show()
    const { ctx } = component.home.life
    component.home.reset()
    const told: string[] = []
    whenFinal(ctx, () => told.push('one'))
    cancel()
    await rest()
    expect(told).toEqual(['one'])
  })
})
