/** Contexts that end with the page. Without a page, `pagehide` never fires. */

import { afterFunc, background, cause, PageHidden, withCancel, withPage } from 'rescind'
import { fakeClock } from 'rescind/testing'
import { describe, expect, it, vi } from 'vitest'
import { isCollected, microtask, wrong } from './support.ts'

const hasPage = typeof globalThis.addEventListener === 'function'

function leave(): void {
  globalThis.dispatchEvent(new Event('pagehide'))
}

function canceledPage(): object {
  const [ctx, cancel] = withPage(background())
  cancel()
  return ctx
}

describe('withPage', () => {
  it('ends by cancel and with its parent, with or without a page', () => {
    const [parent, cancelParent] = withCancel(background())
    const [one, cancelOne] = withPage(parent, { label: 'page' })
    const [other] = withPage(parent)
    expect(String(one)).toBe('background.withCancel.withPage(page)')
    cancelOne('one')
    cancelParent('parent')
    expect([cause(one), cause(other)]).toEqual(['one', 'parent'])
  })

  it.skipIf(!hasPage)('does not listen under a parent that has ended', () => {
    const [parent, cancel] = withCancel(background())
    cancel()
    const listening = vi.spyOn(globalThis, 'addEventListener')
    withPage(parent)
    expect(listening).not.toHaveBeenCalled()
    listening.mockRestore()
  })

  it('has ended under a parent that has ended', () => {
    const [parent, cancel] = withCancel(background())
    cancel('before')
    expect(cause(withPage(parent)[0])).toBe('before')
  })

  it('takes the end of its parent, but no deadline and no clock', async () => {
    const clock = fakeClock(1_000)
    const [ctx, cancel] = withPage(clock.root)
    await clock.advance(60_000)
    expect([ctx.err, ctx.deadline]).toEqual([undefined, undefined])
    cancel()
  })

  it('throws a TypeError without a parent', () => {
    expect(() => withPage(wrong(undefined))).toThrow(new TypeError('rescind: parent must be a context, got undefined'))
  })
})

describe.runIf(hasPage)('a page that is left', () => {
  it('ends all contexts of withPage, with PageHidden as the cause', () => {
    const [one] = withPage(background())
    const [other] = withPage(background())
    const [child] = withCancel(other)
    const [independent] = withCancel(background())
    const seen: unknown[] = []
    one.signal.addEventListener('abort', () => seen.push(cause(other), cause(child)))
    leave()
    expect([one, other, child].map((ctx) => cause(ctx))).toEqual([PageHidden, PageHidden, PageHidden])
    expect(PageHidden).toMatchObject({ name: 'PageHidden', message: 'the page was left' })
    expect(seen).toEqual([PageHidden, PageHidden])
    expect(independent.err).toBeUndefined()
  })

  it('revives no context when it comes back, and later contexts live until it is left again', () => {
    const [before] = withPage(background())
    leave()
    globalThis.dispatchEvent(new Event('pageshow'))
    expect(cause(before)).toBe(PageHidden)
    const [after] = withPage(background())
    expect(after.err).toBeUndefined()
    leave()
    expect(cause(after)).toBe(PageHidden)
  })

  it('does not end a context that is derived while it is being left', () => {
    const [ctx] = withPage(background())
    const late: unknown[] = []
    ctx.signal.addEventListener('abort', () => {
      const [next, cancel] = withPage(background())
      late.push(next.err)
      cancel()
    })
    leave()
    expect(late).toEqual([undefined])
  })

  it('has one listener, and only while a context of withPage lives', async () => {
    const added: string[] = []
    const removed: string[] = []
    const { addEventListener, removeEventListener } = globalThis
    globalThis.addEventListener = ((type: string, ...rest: [never]) => {
      added.push(type)
      addEventListener.call(globalThis, type, ...rest)
    }) as typeof addEventListener
    globalThis.removeEventListener = ((type: string, ...rest: [never]) => {
      removed.push(type)
      removeEventListener.call(globalThis, type, ...rest)
    }) as typeof removeEventListener
    try {
      const [, cancelOne] = withPage(background())
      const [other, cancelOther] = withPage(background())
      expect(added).toEqual(['pagehide'])
      cancelOne()
      await microtask()
      expect(removed).toEqual([])
      afterFunc(other, () => added.push('over'))
      cancelOther()
      await microtask()
      expect([added, removed]).toEqual([['pagehide', 'over'], ['pagehide']])
      withPage(background())
      leave()
      await microtask()
      expect([added, removed]).toEqual([
        ['pagehide', 'over', 'pagehide'],
        ['pagehide', 'pagehide'],
      ])
    } finally {
      Object.assign(globalThis, { addEventListener, removeEventListener })
    }
  })

  it('retains no context that ended before', async () => {
    const [, cancelOther] = withPage(background())
    expect(await isCollected(canceledPage)).toBe(true)
    cancelOther()
  })
})
