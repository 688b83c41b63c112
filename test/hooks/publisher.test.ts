/** The renders that a board requests from React. */

import { describe, expect, it } from 'vitest'
import { Publisher } from '../../hooks/publisher.ts'
import { microtask } from '../support.ts'

interface State {
  readonly status: string
}

/** Delays renders until the test releases them. */
class Held extends Publisher<State> {
  override readonly usesTransition = false
  readonly held: (() => void)[] = []
  readonly rendered: State[] = []

  constructor(state: State) {
    super()
    this.commit(state, (next) => void this.rendered.push(next))
  }

  set(state: State): void {
    this.publish(state)
  }

  protected override whenReady(_: State, tell: () => void): void {
    this.held.push(tell)
  }

  protected override update(): void {}
  protected override show(): void {}
  protected override leave(): void {}
}

describe('a board', () => {
  it('asks whether it may show a state only while the component is shown', () => {
    const board = new Held({ status: 'idle' })
    board.set({ status: 'error' })
    expect(board.held).toHaveLength(0)
    board.isShown = true
    board.set({ status: 'error' })
    expect(board.held).toHaveLength(1)
  })

  it('renders no delayed state once the component is hidden or a newer state exists', () => {
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

  it('renders a pending state once more in a microtask, unless it was rendered', async () => {
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
