/** What an inspector says about contexts: rows, their order, how each ended, by what and why. */

import { background, group, Navigated, sleep, until, withCancel, within, withSignal, withTimeout } from 'rescind'
import { disarm, createKey, withoutCancel, withValue } from 'rescind'
import { completed, withLink } from 'rescind/bindings'
import { inspect, open } from 'rescind/inspect'
import type { Inspector, Row } from 'rescind/inspect'
import { fakeClock } from 'rescind/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { microtasks } from './support.ts'

let inspector: Inspector

beforeEach(() => {
  inspector = inspect()
})

afterEach(() => {
  inspector.detach()
})

/** The row of the context with that label. */
function row(label: string): Row {
  const found = inspector.rows.find((row) => row.label === label)
  if (!found) throw new Error(`no row has the label ${label}: ${inspector.text()}`)
  return found
}

function named(label: string): { label: string } {
  return { label }
}

describe('the rows', () => {
  it('have each context below its parent, with the function that made it and its label', () => {
    const { root } = fakeClock(1_000)
    const [ctx] = withCancel(root, named('page'))
    withTimeout(ctx, 5_000, named('search'))
    expect(inspector.rows).toMatchObject([
      { kind: 'background', parent: undefined, late: true, how: undefined },
      { kind: 'withCancel', label: 'page', parent: row('page').id - 1, born: 1_000, late: false },
      { kind: 'withTimeout', label: 'search', parent: row('page').id, ms: 5_000, deadline: 6_000 },
    ])
    expect(row('search').deadlineOf).toBe(row('search').id)
  })

  it('say that a cancel ended a context, and why, and what it took along', () => {
    const [ctx, cancel] = withCancel(background(), named('page'))
    const [child] = withCancel(ctx, named('search'))
    withCancel(child, named('rows'))
    cancel(Navigated)
    expect(row('page')).toMatchObject({ how: 'canceled', cause: 'Navigated: the route changed', by: undefined })
    expect(row('search')).toMatchObject({ how: 'parent', cause: 'Navigated: the route changed', by: row('page').id })
    expect(row('rows')).toMatchObject({ how: 'parent', by: row('page').id })
  })
})
