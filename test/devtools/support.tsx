/** A page with the panel for the tests, read as its user would read it. */

import type { ReactNode } from 'react'
import { flushSync } from 'react-dom'
import { createRoot } from 'react-dom/client'
import { afterEach, beforeEach, vi } from 'vitest'
import type { Row } from 'rescind/inspect'

const ACT = 'IS_REACT_ACT_ENVIRONMENT'

let undo: (() => void)[] = []

/** Lets the panel update as in a page, without `act`. */
export function inPages(): void {
  let before: unknown
  beforeEach(() => {
    before = Reflect.get(globalThis, ACT)
    Reflect.set(globalThis, ACT, false)
  })
  afterEach(async () => {
    for (const one of undo) one()
    undo = []
    // Roots in shadow roots are unmounted in a microtask.
    await Promise.resolve()
    Reflect.set(globalThis, ACT, before)
  })
}

export interface Shown {
  readonly host: HTMLElement
  /** The shadow root, once the panel is in it. */
  readonly shadow: () => ShadowRoot
  render(element: ReactNode): void
  unmount(): void
}

export function show(element: ReactNode): Shown {
  const host = document.body.appendChild(document.createElement('main'))
  const root = createRoot(host)
  let isOver = false
  const unmount = () => {
    if (isOver) return
    isOver = true
    root.unmount()
    host.remove()
  }
  undo.push(unmount)
  const render = (next: ReactNode) => flushSync(() => root.render(next))
  render(element)
  return {
    host,
    unmount,
    render,
    shadow() {
      const shadow = host.querySelector('[data-rescind]')?.shadowRoot
      if (!shadow) throw new Error('there is no panel')
      return shadow
    },
  }
}

const patiently = { timeout: 10_000, interval: 5 }

/** Resolves to an element that matches `selector` and has `text` in its name or text. */
export function found(page: Shown, selector: string, text = ''): Promise<HTMLElement> {
  return vi.waitFor(() => {
    const all = [...page.shadow().querySelectorAll<HTMLElement>(selector)]
    const element = all.find((one) => nameOf(one).includes(text))
    if (!element) throw new Error(`no ${selector} with ${text} among: ${all.map(nameOf).join(' | ')}`)
    return element
  }, patiently)
}

/** Resolves to the accessible names of the lines once `check` accepts them. */
export function linesWhen(page: Shown, check: (names: string[]) => boolean): Promise<string[]> {
  return vi.waitFor(() => {
    const names = linesOf(page)
    if (!check(names)) throw new Error(`the lines are:\n${names.join('\n')}`)
    return names
  }, patiently)
}

export function linesOf(page: Shown): string[] {
  return [...page.shadow().querySelectorAll('[role=treeitem]')].map(nameOf)
}

export function press(element: Element, key: string, options: KeyboardEventInit = {}): void {
  const event = { key, bubbles: true, composed: true, cancelable: true, ...options }
  element.dispatchEvent(new KeyboardEvent('keydown', event))
}

/** Types into a field of React, which overrides the setter. */
export function type(field: HTMLElement, text: string): void {
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')?.set?.call(field, text)
  field.dispatchEvent(new Event('input', { bubbles: true }))
}

/** A row of an inspector, with defaults. */
export function rowOf(row: Partial<Row> & { readonly id: number }): Row {
  return {
    place: undefined,
    parent: undefined,
    kind: 'withCancel',
    label: undefined,
    born: row.id,
    late: false,
    ended: undefined,
    how: undefined,
    cause: undefined,
    by: undefined,
    ms: undefined,
    deadline: undefined,
    deadlineOf: undefined,
    values: [],
    trace: undefined,
    span: undefined,
    waits: [],
    stacks: undefined,
    ...row,
  }
}

function nameOf(element: Element): string {
  return element.getAttribute('aria-label') ?? element.textContent ?? ''
}
