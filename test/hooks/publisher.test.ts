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
  onUpdate: () => void = () => {}

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

  protected override update(): void {
    this.onUpdate()
  }

  protected override show(): void {
    this.tell()
  }

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

  it('renders a pending state once if an effect has set it, since effects run outside of actions', async () => {
    const publisher = new HeldPublisher({ status: 'idle' })
    publisher.onUpdate = () => publisher.set({ status: 'pending' })
    publisher.refresh()
    publisher.held[0]?.()
    await microtask()
    expect(publisher.rendered).toHaveLength(1)
    publisher.set({ status: 'pending' })
    publisher.held[1]?.()
    await microtask()
    expect(publisher.rendered).toHaveLength(3)
  })

  it('does not render again what React has, when the component appears', () => {
    const first = { status: 'idle' }
    const publisher = new HeldPublisher(first)
    publisher.state = first
    publisher.isShown = true
    publisher.appear()
    expect(publisher.held).toHaveLength(0)
    publisher.set({ status: 'error' })
    publisher.appear()
    expect(publisher.held).toHaveLength(2)
    publisher.held[0]?.()
    publisher.appear()
    expect(publisher.held).toHaveLength(2)
  })
})
