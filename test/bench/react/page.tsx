/**
 * The measured page: many components of one library, which all do the same work. A mount is over when each component
 * shows its answer, a change when each shows the answer to its new query, and an unmount after one more turn of the
 * event loop.
 */

import { useEffect } from 'react'
import type { FunctionComponent, ReactNode } from 'react'
import { flushSync } from 'react-dom'
import { createRoot } from 'react-dom/client'
import { componentOf, contenders } from '../peers/contenders.tsx'
import { countdowns } from './countdowns.ts'

export interface Bench {
  /** Chooses the hook for reads of the library `name`. */
  read(name: string, count: number): void
  /** Chooses the hook for countdowns of the library `name`. */
  countDown(name: string, count: number): void
  /** Mounts all components. Resolves to the milliseconds until they show their answers; so do the next two. */
  mount(): Promise<number>
  change(): Promise<number>
  unmount(): Promise<number>
  /** Makes React release the components that it showed before: it keeps the previous tree. */
  forget(): void
}

const root = createRoot(document.body.appendChild(document.createElement('div')))
let generation = 0
let count = 0
let Item: FunctionComponent<{ readonly query: string }> = () => null
let surround: (() => (children: ReactNode) => ReactNode) | undefined
let place = bare

function bare(children: ReactNode): ReactNode {
  return children
}

/** The queries of this generation whose answers are shown. */
const shown = new Set<string>()
let onShown = () => {}

function seen(query: string, answer: string | undefined): void {
  if (answer !== `answer to ${query}` || !query.startsWith(`${generation}:`)) return
  shown.add(query)
  if (shown.size === count) onShown()
}

function render(): Promise<void> {
  shown.clear()
  generation++
  const items = Array.from({ length: count }, (_, index) => <Item key={index} query={`${generation}:${index}`} />)
  return new Promise((resolve) => {
    onShown = resolve
    flushSync(() => root.render(place(items)))
  })
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

/** A turn of the event loop that no timer delays. */
function turn(): Promise<void> {
  const { port1, port2 } = new MessageChannel()
  return new Promise((resolve) => {
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(undefined)
  })
}

const bench: Bench = {
  read(name, components) {
    const contender = contenders.find((one) => one.name === name)
    if (!contender) throw new Error(`There is no ${name}.`)
    count = components
    surround = contender.surround
    Item = componentOf(contender, (query) => Promise.resolve(`answer to ${query}`), seen)
  },
  countDown(name, components) {
    const useLeft = countdowns.find((one) => one.name === name)?.useLeftUntil(Date.now() + 3_600_000)
    if (!useLeft) throw new Error(`There is no ${name}.`)
    count = components
    Item = function Countdown({ query }) {
      const left = useLeft()
      useEffect(() => seen(query, left === undefined ? undefined : `answer to ${query}`))
      return left
    }
  },
  mount: () => {
    place = surround?.() ?? bare
    return timed(render)
  },
  change: () => timed(render),
  unmount: () =>
    timed(async () => {
      flushSync(() => root.render(undefined))
      // Release the provider with its cache: each mount has a new one.
      place = bare
      await turn()
    }),
  forget() {
    for (const key of ['one', 'other']) flushSync(() => root.render(<i key={key} />))
  },
}

Object.assign(globalThis, { bench })
