/** The channel to the worker: the numbers of its requests, its silence, and its end. */

import { background, withCancel } from 'rescind'
import { engineError } from 'rescind/sql'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Channel } from '../../../src/sql/sqlite/channel.ts'
import type { Line } from '../../../src/sql/sqlite/channel.ts'
import { lineTo, startWorker } from '../../../src/sql/sqlite/line.ts'
import { ALIVE, LAST_ID } from '../../../src/sql/sqlite/protocol.ts'
import type { Order, Request, Stop } from '../../../src/sql/sqlite/protocol.ts'
import { outcome } from '../../support.ts'
import { endless } from '../sqlite.ts'

const bg = background()
const OPEN: Order & { kind: 'open' } = { kind: 'open', storage: 'memory', file: '' }
const run = (sql: string): Order => ({ kind: 'run', sql, params: [] })

describe('the numbers of requests', () => {
  it('restart before shared memory could no longer hold them, and still identify their statements', async () => {
    const ids: number[] = []
    const flag = new SharedArrayBuffer(4)
    const line = lineTo(startWorker())
    const post = (message: Request | Stop) => (ids.push(message.id), line.post(message))
    const channel = new Channel({ ...line, post }, 1_000, flag, LAST_ID - 3)
    await channel.open({ ...OPEN, flag }, Infinity)
    for (let round = 0; round < 4; round++) {
      const [ctx, cancel] = withCancel(bg)
      const { result } = channel.call(ctx, run(endless))
      setTimeout(cancel, 15)
      expect(await result.catch((error: unknown) => error)).toBe(ctx.err)
      expect(engineError(ctx)).toMatchObject({ code: 'SQLITE_INTERRUPT' })
      expect(Atomics.load(new Int32Array(flag), 0)).toBe(0)
    }
    expect(ids).toEqual([LAST_ID - 2, LAST_ID - 1, LAST_ID, 1, 2])
    expect(LAST_ID).toBe(new Int32Array([LAST_ID])[0])
    expect(LAST_ID + 1).not.toBe(new Int32Array([LAST_ID + 1])[0])
    await channel.close()
  })
})

describe('a silent worker', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })

  afterEach(() => {
    vi.useRealTimers()
  })

  it('is lost after the given time, counted from its last message', async () => {
    const { channel, hear } = silentChannel()
    const opening = outcome(channel.open(OPEN, 1_000))
    await vi.advanceTimersByTimeAsync(900)
    hear(ALIVE)
    await vi.advanceTimersByTimeAsync(900)
    expect(opening.settled).toBe(false)
    await vi.advanceTimersByTimeAsync(100)
    const message = 'the worker has been silent for 1000 ms while it opened the database'
    expect(opening.error).toMatchObject({ message })
    expect(vi.getTimerCount()).toBe(0)
  })

  it('is not lost because the page was frozen or busy', async () => {
    const { channel, hear } = silentChannel()
    const opening = outcome(channel.open(OPEN, 1_000))
    // A delayed platform timer fires once, whatever the delay.
    vi.setSystemTime(Date.now() + 60_000)
    await vi.advanceTimersByTimeAsync(100)
    hear(ALIVE)
    hear({ id: 1, result: { rows: [], changes: 0, mechanism: 'poll' }, isOpen: false })
    await vi.advanceTimersByTimeAsync(60_000)
    expect(opening.value).toBeUndefined()
    expect(opening.settled).toBe(true)
    expect(opening.error).toBeUndefined()
    expect(channel.mechanism).toBe('poll')
  })

  it('is waited for without limit if `silence` is Infinity', async () => {
    const { channel } = silentChannel()
    const opening = outcome(channel.open(OPEN, Infinity))
    await vi.advanceTimersByTimeAsync(10 * 86_400_000)
    expect(opening.settled).toBe(false)
    channel.end()
  })

  it('is abandoned by a close once the grace time of its canceled calls has passed', async () => {
    const { channel, ended } = silentChannel()
    const [ctx, cancel] = withCancel(bg)
    const call = outcome(channel.call(ctx, run('deaf')).result)
    const closing = outcome(channel.close())
    await vi.advanceTimersByTimeAsync(60_000)
    expect(closing.settled).toBe(false)
    cancel()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(call.error).toBe(ctx.err)
    expect(closing.settled).toBe(false)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(closing.settled).toBe(true)
    expect(ended()).toBe(true)
  })

  it('delays the end of a stream by the grace time only', async () => {
    const { channel } = silentChannel()
    const closing = outcome(channel.giveBack({ kind: 'discard', cursor: 1 }))
    await vi.advanceTimersByTimeAsync(999)
    expect(closing.settled).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(closing.settled).toBe(true)
  })
})

/** A channel to a worker whose messages the test sends. */
function silentChannel() {
  const listeners: ((message: unknown) => void)[] = []
  let ended = false
  const line: Line = {
    post: () => {},
    listen: (onMessage) => void listeners.push(onMessage),
    hold: () => {},
    end: () => void (ended = true),
  }
  const channel = new Channel(line, 1_000, undefined)
  const hear = (message: unknown) => listeners[0]?.(message)
  return { channel, hear, ended: () => ended }
}
