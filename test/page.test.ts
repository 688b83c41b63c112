/** Contexts that end with the page. Where there is none, `pagehide` never comes. */

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
  it('ends by cancel and with its parent, wherever it runs', () => {
    const [parent, cancelParent] = withCancel(background())
    const [one, cancelOne] = withPage(parent, { label: 'page' })
    const [other] = withPage(parent)
    expect(String(one)).toBe('background.withCancel.withPage(page)')
    cancelOne('one')
    cancelParent('parent')
    expect([cause(one), cause(other)]).toEqual(['one', 'parent'])
  })

  it.skipIf(!hasPage)('under a parent that has ended does not listen', () => {
    const [parent, cancel] = withCancel(background())
    cancel()
    const listening = vi.spyOn(globalThis, 'addEventListener')
    withPage(parent)
    expect(listening).not.toHaveBeenCalled()
    listening.mockRestore()
  })

  it('under a parent that has ended is over', () => {
    const [parent, cancel] = withCancel(background())
    cancel('before')
    expect(cause(withPage(parent)[0])).toBe('before')
  })

  it('takes nothing from its parent but its end', async () => {
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
  it('ends all that belongs to it, with PageHidden as the cause', () => {
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

  it('revives nothing when it comes back, and what is derived then lives until it is left again', () => {
    const [before] = withPage(background())
    leave()
    globalThis.dispatchEvent(new Event('pageshow'))
    expect(cause(before)).toBe(PageHidden)
    const [after] = withPage(background())
    expect(after.err).toBeUndefined()
    leave()
    expect(cause(after)).toBe(PageHidden)
  })

  it('leaves alone what is derived while it is being left', () => {
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

  it('is listened to once, and only while something belongs to it', async () => {
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

  it('keeps nothing of what ended before', async () => {
    const [, cancelOther] = withPage(background())
    expect(await isCollected(canceledPage)).toBe(true)
    cancelOther()
  })
})
