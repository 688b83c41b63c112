/**
 * Random sequences of all events in the life of a component. Work that is shown runs exactly once at a time, hidden
 * work does not run, and nothing is left at the end.
 */

import { act } from '@testing-library/react'
import * as fc from 'fast-check'
import { Fragment, StrictMode, Suspense, createRef } from 'react'
import type { ReactNode } from 'react'
import { createRoot } from 'react-dom/client'
import { background, withCancel } from 'rescind'
import type { Context } from 'rescind'
import { Scope, useRoute, useScope, useTask } from 'rescind/react'
import type { ScopeHandle } from 'rescind/react'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Activity, failOnNoise, fakeWork, settle } from './support.tsx'
import type { Work } from './support.tsx'

failOnNoise()

const steps = [
  ...(Activity ? (['hide', 'show', 'hide and show'] as const) : []),
  ...(['suspend', 'resume', 'reset', 'reset key', 'deps', 'parent', 'render'] as const),
  ...(['leave the page and come back', 'another route', 'cancel and reset'] as const),
]
type Step = (typeof steps)[number]

/** Steps that restart the scope. Suspended descendants cannot restart before they resume. */
const renewing: ReadonlySet<Step> = new Set<Step>([
  'reset',
  'reset key',
  'parent',
  'leave the page and come back',
  'another route',
  'cancel and reset',
])

interface World {
  isVisible: boolean
  isSuspended: boolean
  key: number
  dep: number
  parent: Context
}

let home: string

beforeEach(() => {
  home = location.href
})

afterEach(() => {
  // Only then: WebKit allows a hundred calls in ten seconds.
  if (location.href !== home) history.replaceState(null, '', home)
})

const never = new Promise<never>(() => {})

function Worker({ dep, isSuspended, work }: Pick<World, 'dep' | 'isSuspended'> & { readonly work: Work<string, []> }) {
  const [ctx] = useRoute(useScope())
  const { status } = useTask(work.fn, [dep, work.fn], { parent: ctx })
  if (isSuspended) throw never
  return status
}

let routes = 0

async function live(isStrict: boolean, first: Pick<World, 'isVisible' | 'isSuspended'>, sequence: readonly Step[]) {
  const scope = createRef<ScopeHandle>()
  const work = fakeWork<string, []>()
  const world: World = { ...first, key: 0, dep: 0, parent: withCancel(background())[0] }
  const root = createRoot(document.createElement('div'))
  const Mode = isStrict ? StrictMode : Fragment
  const Kept = ({ children }: { readonly children: ReactNode }) =>
    Activity ? <Activity mode={world.isVisible ? 'visible' : 'hidden'}>{children}</Activity> : children
  const draw = () =>
    root.render(
      <Mode>
        {Kept({
          children: (
            <Scope ref={scope} parent={world.parent} resetKeys={[world.key]} route timeout={60_000}>
              <Suspense>
                <Worker dep={world.dep} isSuspended={world.isSuspended} work={work} />
              </Suspense>
            </Scope>
          ),
        })}
      </Mode>,
    )
  const actions: Record<Step, () => void> = {
    hide: () => void (world.isVisible = false),
    show: () => void (world.isVisible = true),
    'hide and show': () => {
      world.isVisible = !world.isVisible
      act(draw)
      world.isVisible = !world.isVisible
    },
    suspend: () => void (world.isSuspended = true),
    resume: () => void (world.isSuspended = false),
    reset: () => scope.current?.reset(),
    'reset key': () => void world.key++,
    deps: () => void world.dep++,
    parent: () => void (world.parent = withCancel(background())[0]),
    render: () => {},
    'leave the page and come back': () => {
      globalThis.dispatchEvent(new Event('pagehide'))
      queueMicrotask(() => globalThis.dispatchEvent(new Event('pageshow')))
    },
    'another route': () => history.pushState(null, '', `/albums/${++routes}`),
    'cancel and reset': () => {
      scope.current?.cancel('by hand')
      scope.current?.reset()
    },
  }
  const running = () => work.calls.filter(({ ctx }) => ctx.err === undefined).length
  const counts: (readonly [step: string, running: number, expected: number])[] = []
  // Effects run once it is shown; a fallback alone does not clean them up.
  let isOn = world.isVisible && !world.isSuspended
  let isBehind = false
  await settle(draw)
  counts.push(['first', running(), Number(isOn)])
  for (const step of sequence) {
    await settle(() => {
      actions[step]()
      draw()
    })
    isOn = world.isVisible && (isOn || !world.isSuspended)
    isBehind = world.isSuspended && (isBehind || renewing.has(step))
    counts.push([step, running(), Number(isOn && !isBehind)])
  }
  await settle(() => root.unmount())
  counts.push(['unmount', running(), 0])
  return counts
}

describe('a component after random events', () => {
  it('runs its work once while it is shown, and not while it is hidden', async () => {
    const first = fc.record({
      isVisible: Activity ? fc.boolean() : fc.constant(true),
      isSuspended: fc.boolean(),
    })
    const sequences = fc.array(fc.constantFrom(...steps), { maxLength: 10 })
    const property = fc.asyncProperty(fc.boolean(), first, sequences, async (isStrict, first, sequence) => {
      const counts = await live(isStrict, first, sequence)
      expect(counts).toEqual(counts.map(([step, , expected]) => [step, expected, expected]))
    })
    expect(fc.defaultReportMessage(await fc.check(property, { numRuns: 60 }))).toBeUndefined()
  }, 60_000)
})
