/** The channel to the worker: the numbers of its requests, its silence, and its end. */

import { resolveObjectURL } from 'node:buffer'
import { background, withCancel, withTimeout } from 'rescind'
import type { Context } from 'rescind'
import { engineError } from 'rescind/sql'
import { fakeClock } from 'rescind/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Channel } from '../../../src/sql/sqlite/channel.ts'
import type { Line } from '../../../src/sql/sqlite/channel.ts'
import { lineTo, startWorker } from '../../../src/sql/sqlite/line.ts'
import { ALIVE, LAST_ID } from '../../../src/sql/sqlite/protocol.ts'
import type { Mechanism, Order, Request, Stop } from '../../../src/sql/sqlite/protocol.ts'
import { isCollected, outcome, task } from '../../support.ts'
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
    const channel = new Channel({ ...line, post }, Infinity, flag, LAST_ID - 3)
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
    expect(vi.getTimerCount()).toBe(0)
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

describe('a call', () => {
  const rows = { rows: [], changes: 0 }
  const failure = { message: 'no', code: 'SQLITE_ERROR', interrupted: false }
  const interrupt = { message: 'stopped', code: 'SQLITE_INTERRUPT', interrupted: true }

  const opened = async (mechanism: Mechanism) => {
    const silent = silentChannel()
    const opening = silent.channel.open(OPEN, Infinity)
    silent.hear({ id: 1, result: { ...rows, mechanism }, isOpen: false })
    await opening
    return silent
  }

  it('revokes the blob URL of its request when its context ends, and when the reply arrives', async () => {
    const { channel, hear, posted } = await opened('poll')
    const [ctx, cancel] = withCancel(bg)
    const [ended, answered] = [channel.call(ctx, run('a')), channel.call(bg, run('b'))]
    const exist = () => posted.slice(1).map(({ alive = '' }) => resolveObjectURL(alive) !== undefined)
    expect(exist()).toEqual([true, true])
    cancel()
    await task()
    expect(exist()).toEqual([false, true])
    hear({ id: 3, result: rows, isOpen: false })
    expect(await answered.result).toEqual(rows)
    expect(exist()).toEqual([false, false])
    hear({ id: 2, failure: interrupt, isOpen: false })
    await expect(ended.result).rejects.toBe(ctx.err)
  })

  it('sends a message to stop its request if only that can stop it', async () => {
    const { channel, hear, posted } = await opened('deadline')
    const [ctx, cancel] = withCancel(bg)
    const { result } = channel.call(ctx, run('a'))
    expect(posted.at(-1)).toMatchObject({ kind: 'run', id: 2, alive: undefined })
    cancel()
    await task()
    expect(posted.at(-1)).toEqual({ kind: 'stop', id: 2 })
    hear({ id: 2, failure: interrupt, isOpen: false })
    await expect(result).rejects.toBe(ctx.err)
    expect(engineError(ctx)).toMatchObject({ code: 'SQLITE_INTERRUPT' })
  })

  it('sends the time to the sooner of two deadlines, and none without a deadline', async () => {
    const { channel, posted } = await opened('flag')
    const clock = fakeClock(0)
    const [sooner, later] = [10, 20].map((ms) => withTimeout(clock.root, ms)[0]) as [Context, Context]
    for (const [ctx, within] of [
      [sooner, later],
      [later, sooner],
      [bg, sooner],
    ] as const) {
      void channel.call(ctx, run('a'), within)
      expect(posted.at(-1)?.left).toBe(10)
    }
    void channel.call(bg, run('a'))
    expect(posted.at(-1)?.left).toBe(Infinity)
    channel.fail(new Error('the end'))
  })

  it('rejects with an error of its own even if its context has ended, and resolves to a result', async () => {
    const { channel, hear } = await opened('deadline')
    const [ctx, cancel] = withCancel(bg)
    const [failed, completed] = [channel.call(ctx, run('a')), channel.call(ctx, run('b'))]
    cancel()
    await task()
    hear({ id: 2, failure, isOpen: false })
    hear({ id: 3, result: rows, isOpen: false })
    await expect(failed.result).rejects.toMatchObject({ name: 'SqliteError', message: 'no', code: 'SQLITE_ERROR' })
    expect(await completed.result).toEqual(rows)
    expect(engineError(ctx)).toBeUndefined()
  })

  it.each([
    ['of its context, which ends soon after that', 30, 'TimeoutError'],
    ['of SQLite, since its context does not end soon', 80, 'SqliteError'],
  ])('that the worker stops before its deadline rejects with the error %s', async (_, ms, name) => {
    vi.useFakeTimers()
    const { channel, hear } = await opened('deadline')
    const [ctx, cancel] = withTimeout(bg, ms)
    const call = outcome(channel.call(ctx, run('a')).result)
    hear({ id: 2, failure: interrupt, isOpen: false })
    await vi.advanceTimersByTimeAsync(60)
    expect(call.error).toMatchObject({ name })
    cancel()
    vi.useRealTimers()
  })

  it('is not stopped by the end of its context once it was answered', async () => {
    const { channel, hear, posted } = await opened('deadline')
    const [ctx, cancel] = withCancel(bg)
    const { result } = channel.call(ctx, run('a'))
    hear({ id: 2, result: rows, isOpen: false })
    await result
    const before = posted.length
    cancel()
    await task()
    expect(posted.length).toBe(before)
  })

  it('keeps the process alive until the last reply', async () => {
    const { channel, hear, holds } = await opened('deadline')
    expect(holds).toEqual(['busy', 'idle'])
    void channel.call(bg, run('a'))
    void channel.call(bg, run('b'))
    hear({ id: 2, result: rows, isOpen: false })
    expect(holds.slice(2)).toEqual(['busy', 'busy'])
    hear({ id: 3, result: rows, isOpen: false })
    expect(holds.slice(2)).toEqual(['busy', 'busy', 'idle'])
  })

  it('fails with the first error of the worker, also after a second one', async () => {
    const { channel, posted } = await opened('deadline')
    const pending = outcome(channel.call(bg, run('a')).result)
    channel.fail(new Error('first'))
    channel.fail(new Error('second'))
    await vi.waitFor(() => expect(pending.error).toMatchObject({ message: 'first' }))
    const before = posted.length
    await expect(channel.call(bg, run('b')).result).rejects.toMatchObject({ message: 'first' })
    await expect(channel.send(run('c'))).rejects.toMatchObject({ message: 'first' })
    expect(posted.length).toBe(before)
    expect(channel.isLost).toBe(true)
  })

  it('reports a transaction as open as of the last reply, until the worker is lost', async () => {
    const { channel, hear } = await opened('deadline')
    void channel.call(bg, run('a'))
    expect(channel.isOpen).toBe(false)
    hear({ id: 2, result: rows, isOpen: true })
    expect(channel.isOpen).toBe(true)
    channel.fail(new Error('no'))
    expect(channel.isOpen).toBe(false)
  })

  it('is not affected by a sign of life, by a reply to another request, or by a message of other code', async () => {
    const { channel, hear } = await opened('deadline')
    const calls = [outcome(channel.call(bg, run('a')).result), outcome(channel.call(bg, run('b')).result)]
    hear({ id: 2, result: rows, isOpen: true })
    hear(ALIVE)
    expect(channel.isOpen).toBe(true)
    const others = [null, undefined, 0, 'b', { id: 3 }, { id: '3', isOpen: true }, { id: 99, isOpen: false }]
    for (const other of others) expect(() => hear(other)).not.toThrow()
    await task()
    expect(channel.isOpen).toBe(true)
    expect(calls.map(({ settled }) => settled)).toEqual([true, false])
  })

  it('is forgotten with its result once it was answered', async () => {
    const { channel, hear } = await opened('deadline')
    const asked = () => {
      const { result } = channel.call(bg, run('a'))
      hear({ id: 2, result: rows, isOpen: false })
      return result
    }
    expect(await isCollected(asked)).toBe(true)
    expect(channel.isLost).toBe(false)
  })

  it('leaves no timer when a canceled one is answered', async () => {
    vi.useFakeTimers()
    const { channel, hear } = await opened('deadline')
    const [ctx, cancel] = withCancel(bg)
    const { result } = channel.call(ctx, run('a'))
    cancel()
    await vi.advanceTimersByTimeAsync(1)
    expect(vi.getTimerCount()).toBe(1)
    hear({ id: 2, failure: interrupt, isOpen: false })
    await expect(result).rejects.toBe(ctx.err)
    expect(vi.getTimerCount()).toBe(0)
    vi.useRealTimers()
  })
})

/** A channel to a worker whose messages the test sends. */
function silentChannel() {
  const listeners: ((message: unknown) => void)[] = []
  const posted: Request[] = []
  const holds: string[] = []
  let ended = false
  const line: Line = {
    post: (message) => void posted.push(message as Request),
    listen: (onMessage) => void listeners.push(onMessage),
    hold: (state) => void holds.push(state),
    end: () => void (ended = true),
  }
  const channel = new Channel(line, 1_000, undefined)
  const hear = (message: unknown) => listeners[0]?.(message)
  return { channel, hear, posted, holds, ended: () => ended }
}
