/** The axis of the timeline: its visible range, and how that moves. */

import { describe, expect, it } from 'vitest'
import { axisOf, everything, FOLLOW, moved, placeOf, ticksOf, zoomed } from '../../devtools/axis.ts'
import { rowOf } from './support.tsx'

const root = rowOf({ id: 1, born: 0 })
const rows = [root, rowOf({ id: 2, parent: 1, born: 1_000, ended: 2_000, how: 'canceled' })]

describe('the axis', () => {
  it('shows everything that happened below the roots', () => {
    const { from, to } = axisOf(rows, 2_000, FOLLOW)
    expect(from).toBe(1_000)
    expect(to).toBeGreaterThan(2_000)
  })

  it('stops moving ten seconds after the last event', () => {
    expect(axisOf(rows, 12_000, FOLLOW)).toEqual(axisOf(rows, 60_000, FOLLOW))
    expect(axisOf(rows, 11_000, FOLLOW)).not.toEqual(axisOf(rows, 12_000, FOLLOW))
  })

  it('shows at most half a minute until everything is requested', () => {
    const long = [...rows, rowOf({ id: 3, parent: 1, born: 100_000 })]
    expect(axisOf(long, 100_000, FOLLOW).from).toBe(70_000)
    expect(axisOf(long, 100_000, everything(long, 100_000)).from).toBe(0)
  })

  it('has a positive length without rows, and with rows at one moment', () => {
    for (const none of [[], [root]]) {
      const { from, to } = axisOf(none, 500, FOLLOW)
      expect(to).toBeGreaterThan(from)
      expect([from, to].every(Number.isFinite)).toBe(true)
    }
  })

  it('keeps the time under the pointer in place while zooming', () => {
    const axis = { from: 1_000, to: 2_000 }
    const near = axisOf(rows, 9_000, zoomed(axis, 0.5, 1_250))
    expect(placeOf(near, 1_250)).toBeCloseTo(placeOf(axis, 1_250))
    expect(near.to - near.from).toBeCloseTo(500)
  })

  it('keeps following if it is zoomed without a pointer', () => {
    const near = zoomed(axisOf(rows, 2_000, FOLLOW), 0.5)
    expect(near.to).toBeUndefined()
    expect(axisOf(rows, 3_000, near).to).toBeGreaterThan(axisOf(rows, 2_000, near).to)
  })

  it('moves by a part of its length', () => {
    const axis = axisOf(rows, 9_000, moved({ from: 1_000, to: 2_000 }, -0.5))
    expect(axis).toEqual({ from: 500, to: 1_500 })
  })

  it('has between three and eight round times, whatever its length', () => {
    for (const span of [1, 3.7, 100, 999, 31_200, 86_400_000]) {
      const ticks = ticksOf({ from: 5, to: 5 + span })
      expect(ticks.length).toBeGreaterThan(2)
      expect(ticks.length).toBeLessThanOrEqual(8)
    }
  })
})
