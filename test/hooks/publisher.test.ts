/** The renders that a publisher requests from React. */

import { describe, expect, it } from 'vitest'
import { Publisher } from '../../hooks/publisher.ts'
import { microtask } from '../support.ts'

interface State {
  readonly status: string
}

const SETTINGS = { transition: false }

/** Delays renders until the test releases them. */
class HeldPublisher extends Publisher<State, typeof SETTINGS> {
  readonly held: (() => void)[] = []
  readonly rendered: State[] = []

  constructor(state: State) {
    super(SETTINGS)
    this.commit(state, SETTINGS, (next) => void this.rendered.push(next))
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

describe('a publisher', () => {
  it('asks whether it may show a state only while the component is shown', () => {
    const publisher = new HeldPublisher({ status: 'idle' })
    publisher.set({ status: 'error' })
    expect(publisher.held).toHaveLength(0)
    publisher.isShown = true
    publisher.set({ status: 'error' })
    expect(publisher.held).toHaveLength(1)
  })

  it('renders no delayed state once the component is hidden or a newer state exists', () => {
    const publisher = new HeldPublisher({ status: 'idle' })
    publisher.isShown = true
    publisher.set({ status: 'error' })
    publisher.isShown = false
    publisher.held[0]?.()
    expect(publisher.rendered).toEqual([])
    publisher.isShown = true
    publisher.set({ status: 'success' })
    publisher.held[0]?.()
    expect(publisher.rendered).toEqual([])
    publisher.held[1]?.()
    expect(publisher.rendered).toEqual([{ status: 'success' }])
  })

  it('renders a pending state once more in a microtask, unless it was rendered', async () => {
    const publisher = new HeldPublisher({ status: 'idle' })
    publisher.isShown = true
    publisher.set({ status: 'pending' })
    publisher.held[0]?.()
    expect(publisher.rendered).toHaveLength(1)
    await microtask()
    expect(publisher.rendered).toHaveLength(2)
    publisher.set({ status: 'pending' })
    publisher.held[1]?.()
    publisher.commit(publisher.state, SETTINGS, () => expect.unreachable())
    await microtask()
    expect(publisher.rendered).toHaveLength(3)
  })
})
