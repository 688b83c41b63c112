/** What a board has React render, and when. */

import { describe, expect, it } from 'vitest'
import { Board } from '../../hooks/board.ts'
import { microtask } from '../support.ts'

interface State {
  readonly status: string
}

/** Holds back what is to be shown, until the test lets it through. */
class Held extends Board<State> {
  override readonly isGentle = false
  readonly held: (() => void)[] = []
  readonly rendered: State[] = []

  constructor(state: State) {
    super()
    this.commit(state, (next) => void this.rendered.push(next))
  }

  set(state: State): void {
    this.publish(state)
  }

  protected override whenShown(_: State, tell: () => void): void {
    this.held.push(tell)
  }

  protected override update(): void {}
  protected override show(): void {}
  protected override leave(): void {}
}

describe('a board', () => {
  it('asks whether a state may be shown only while the component is shown', () => {
    const board = new Held({ status: 'idle' })
    board.set({ status: 'error' })
    expect(board.held).toHaveLength(0)
    board.isShown = true
    board.set({ status: 'error' })
    expect(board.held).toHaveLength(1)
  })

  it('renders nothing that was held back until the component was hidden, or until there was something newer', () => {
    const board = new Held({ status: 'idle' })
    board.isShown = true
    board.set({ status: 'error' })
    board.isShown = false
    board.held[0]?.()
    expect(board.rendered).toEqual([])
    board.isShown = true
    board.set({ status: 'success' })
    board.held[0]?.()
    expect(board.rendered).toEqual([])
    board.held[1]?.()
    expect(board.rendered).toEqual([{ status: 'success' }])
  })

  it('renders once more in a microtask what is pending, unless that was rendered', async () => {
    const board = new Held({ status: 'idle' })
    board.isShown = true
    board.set({ status: 'pending' })
    board.held[0]?.()
    expect(board.rendered).toHaveLength(1)
    await microtask()
    expect(board.rendered).toHaveLength(2)
    board.set({ status: 'pending' })
    board.held[1]?.()
    board.commit(board.state, () => expect.unreachable())
    await microtask()
    expect(board.rendered).toHaveLength(3)
  })
})
