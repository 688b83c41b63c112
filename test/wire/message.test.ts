/** How messages are handled that no sender of ours would post. */

import { background, CanceledError, cause, DeadlineExceededError, remaining, withCancel, withTimeout } from 'rescind'
import { fakeClock } from 'rescind/testing'
import { fromPort, PortError, serializeError, toPort } from 'rescind/wire'
import { describe, expect, it, vi } from 'vitest'
import { channel, closePorts, COUNTLESS, ended, holes, pass, watch } from '../channels.ts'
import { failOnUnhandled, outcome, task } from '../support.ts'

failOnUnhandled()
closePorts()

const sharesMemory = typeof SharedArrayBuffer === 'function' && globalThis.crossOriginIsolated !== false

/** Lets `port` report a message that cannot be deserialized, such as memory of another agent cluster. */
function garble(port: MessagePort): () => void {
  const listening = vi.spyOn(port, 'addEventListener')
  return () => {
    const listener = listening.mock.calls.find(([type]) => type === 'messageerror')?.[1] as (event: object) => void
    listener({ type: 'messageerror' })
  }
}

const canceled = serializeError(new CanceledError('why'))
const time = { left: 5_000, at: undefined, label: 'search', ms: 5_000, cause: { kind: 'value', value: undefined } }
const begin = { rescind: 'begin', version: 1, values: [], time: undefined, err: undefined, isShared: false }

function looped() {
  const error: Record<string, unknown> = { ...canceled }
  error.cause = error
  return error
}

/** An error with `count` errors, each of which has `count` errors. */
function wide(count: number): object {
  const inner = { ...canceled, kind: 'error', errors: Array.from({ length: count }, () => ({ ...canceled })) }
  const outer = { ...canceled, kind: 'error', errors: Array.from({ length: count }, () => inner) }
  return { ...canceled, cause: outer }
}

function chain(length: number): object {
  let error: object = { kind: 'value', value: 'deepest' }
  for (let depth = 0; depth < length; depth++) error = { ...canceled, cause: error }
  return error
}

/** Errors that cannot be read as the end of a context. */
const badEnds: [what: string, err: unknown][] = [
  ['nothing', undefined],
  ['null', null],
  ['a falsy value', 0],
  ['text', 'gone'],
  ['a list', []],
  ['data', { kind: 'value', value: 1 }],
  ['falsy data', { kind: 'value', value: undefined }],
  ['an error that is no context error', serializeError(new RangeError('why'))],
  ['an error of an unknown kind', { ...canceled, kind: 'paused' }],
  ['an error without a name', { ...canceled, name: undefined }],
  ['an error whose message is no text', { ...canceled, message: 7 }],
  ['an error whose stack is no text', { ...canceled, stack: {} }],
  ['an error without a cause', { ...canceled, cause: undefined }],
  ['an error whose cause is text', { ...canceled, cause: 'why' }],
  ['an error that is its own cause', looped()],
  ['an error of more causes than there may be', chain(21)],
  ['an error with a message that is too long', { ...canceled, message: 'x'.repeat(8_193) }],
  ['an error with a name that is too long', { ...canceled, name: 'x'.repeat(201) }],
  ['an error with a stack that is too long', { ...canceled, stack: 'x'.repeat(16_385) }],
  ['an error with a large cause', { ...canceled, cause: { kind: 'value', value: 'x'.repeat(40_000) } }],
  ['a deadline with a label that is no text', { ...canceled, kind: 'exceeded', label: 7 }],
  ['a deadline with a label that is too long', { ...canceled, kind: 'exceeded', label: 'x'.repeat(201) }],
  ['a deadline after no number of milliseconds', { ...canceled, kind: 'exceeded', ms: NaN }],
  ['a deadline after endless milliseconds', { ...canceled, kind: 'exceeded', ms: Infinity }],
  ['errors that are no list', { ...canceled, cause: { ...canceled, kind: 'error', errors: {} } }],
  ['an error of more errors than there may be', wide(12)],
  ['an endless list of errors', { ...canceled, cause: { ...canceled, kind: 'error', errors: holes(COUNTLESS) } }],
]

const badTimes: [what: string, time: unknown][] = [
  ['null', null],
  ['a number', 5_000],
  ['nothing left that is a number', { ...time, left: undefined }],
  ['NaN left', { ...time, left: NaN }],
  ['Infinity left', { ...time, left: Infinity }],
  ['text left', { ...time, left: '5000' }],
  ['a time of sending that is no number', { ...time, at: NaN }],
  ['milliseconds that are none', { ...time, ms: -Infinity }],
  ['a label that is no text', { ...time, label: ['search'] }],
  ['no cause', { ...time, cause: undefined }],
  ['a cause that cannot be read', { ...time, cause: looped() }],
]

const badValues: [what: string, values: unknown][] = [
  ['nothing', undefined],
  ['text', 'values'],
  ['a list of text', ['requestId']],
  ['a name that is no text', [[7, 'value']]],
  ['a pair of three', [['requestId', 1, 2]]],
  ['holes', holes(5)],
  ['countless holes', holes(COUNTLESS)],
  ['more than there may be', Array.from({ length: 1_001 }, (_, index) => [`key${index}`, index])],
  ['more than the limit', [['requestId', 'x'.repeat(600_000)]]],
]

const badBegins: [what: string, message: unknown][] = [
  ['nothing else', { rescind: 'begin' }],
  ['no version, as 0.1.0 does', { ...begin, version: undefined }],
  ['another version', { ...begin, version: 2 }],
  ['a version that is text', { ...begin, version: '1' }],
  ...badValues.map(([what, values]) => [`values: ${what}`, { ...begin, values }] as [string, unknown]),
  ...badTimes.map(([what, time]) => [`a time: ${what}`, { ...begin, time }] as [string, unknown]),
  ...badEnds.slice(1).map(([what, err]) => [`an end: ${what}`, { ...begin, err }] as [string, unknown]),
]

const badLater: [what: string, message: unknown][] = [
  ['an end without an error', { rescind: 'end' }],
  ...badEnds.map(([what, err]) => [`an end: ${what}`, { rescind: 'end', err }] as [string, unknown]),
  ...badTimes.map(([what, time]) => [`a move: ${what}`, { rescind: 'move', time }] as [string, unknown]),
  ['a second context', begin],
  ['a kind that is unknown', { rescind: 'pause' }],
  ['a kind that is no text', { rescind: 7 }],
  ['the answer of a receiver', { rescind: 'over' }],
  ['memory that was not announced', { rescind: 'memory', memory: new ArrayBuffer(16_384) }],
]

describe('fromPort', () => {
  it.each(badBegins)('rejects with a PortError for a context that begins with %s', async (_, message) => {
    const [parent, cancel] = withCancel(background())
    const [port1, port2] = channel()
    const closed = vi.spyOn(port2, 'close')
    port1.postMessage(message)
    const error = await fromPort(parent, port2).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(CanceledError)
    expect((error as CanceledError).cause).toBeInstanceOf(PortError)
    expect(closed).toHaveBeenCalledTimes(1)
    cancel()
  })

  const early = [
    { rescind: 'move', time },
    { rescind: 'end', err: canceled },
    { rescind: 'ready' },
    { rescind: 'over' },
    ...(sharesMemory ? [{ rescind: 'memory', memory: new SharedArrayBuffer(16_384) }] : []),
  ]

  it.each(early)('rejects with a PortError if another message comes first: $rescind', async (message) => {
    const [port1, port2] = channel()
    port1.postMessage(message)
    await expect(fromPort(background(), port2)).rejects.toMatchObject({
      cause: { name: 'PortError', message: `a message is out of order: ${message.rescind}` },
    })
  })

  it('rejects with a PortError if a message of unknown kind comes first', async () => {
    const [port1, port2] = channel()
    port1.postMessage({ rescind: 7 })
    await expect(fromPort(background(), port2)).rejects.toMatchObject({ cause: { name: 'PortError' } })
  })

  it.each([
    [2, 'version 2'],
    [undefined, 'no version'],
    ['1', 'no version'],
  ])('rejects with both versions if the two sides have different ones', async (version, theirs) => {
    const [port1, port2] = channel()
    port1.postMessage({ ...begin, version })
    await expect(fromPort(background(), port2)).rejects.toMatchObject({
      cause: { message: `the two sides have different versions of rescind: messages of ${theirs}, not 1` },
    })
  })

  it('rejects with a PortError if the first message cannot be deserialized', async () => {
    const [, port2] = channel()
    const fire = garble(port2)
    const waiting = outcome(fromPort(background(), port2))
    fire()
    await task()
    expect(waiting.error).toMatchObject({ cause: { message: 'a message cannot be deserialized' } })
  })

  it.each([
    { rescind: 'move', time },
    { rescind: 'end', err: canceled },
    { ...begin, isShared: true },
  ])('rejects with a PortError if it waits for memory, and another message comes: $rescind', async (message) => {
    const [port1, port2] = channel()
    port1.postMessage({ ...begin, isShared: true })
    port1.postMessage(message)
    await expect(fromPort(background(), port2)).rejects.toMatchObject({ cause: { name: 'PortError' } })
  })

  it('settles although the parent ends right after an invalid message', async () => {
    const [parent, cancel] = withCancel(background())
    const [port1, port2] = channel()
    const waiting = outcome(fromPort(parent, port2))
    port1.postMessage({ rescind: 'begin' })
    cancel()
    await task()
    await task()
    expect(waiting.settled).toBe(true)
  })
})

describe('a received context', () => {
  it.each(badLater)('ends with a PortError after %s', async (_, message) => {
    const { port1, received } = await pass(withTimeout(background(), 60_000)[0])
    port1.postMessage(message)
    await ended(received)
    expect(received.err).toBeInstanceOf(CanceledError)
    expect(cause(received)).toBeInstanceOf(PortError)
    expect(() => received.throwIfDone()).toThrow(CanceledError)
  })

  it.runIf(sharesMemory).each([{ isShared: false }, { isShared: true }])(
    'ends with a PortError after memory that was not announced, or that came before: %o',
    async ({ isShared }) => {
      const [port1, port2] = channel()
      port1.postMessage({ ...begin, isShared })
      const memory = { rescind: 'memory', memory: new SharedArrayBuffer(16_384) }
      if (isShared) port1.postMessage(memory)
      const [received] = await fromPort(background(), port2)
      port1.postMessage(memory)
      await ended(received)
      expect(cause(received)).toMatchObject({ message: 'a message is out of order: memory' })
    },
  )

  it('keeps its limit after a time that cannot be read', async () => {
    const clock = fakeClock(0)
    const { port1, received } = await pass(withTimeout(fakeClock(0).root, 5_000)[0], {}, clock.root)
    port1.postMessage({ rescind: 'move', time: { ...time, left: Infinity } })
    await ended(received)
    expect(remaining(received)).toBe(0)
  })

  it.each(['text', null, 7, [], {}, { type: 'end' }])('ignores %j, which is not from rescind', async (noise) => {
    const { port1, received } = await pass(background())
    port1.postMessage(noise)
    await task()
    await task()
    expect(received.err).toBeUndefined()
  })

  it('ends when its time is over, however often that was moved', async () => {
    const clock = fakeClock(0)
    const { port1, received } = await pass(withTimeout(fakeClock(0).root, 5_000)[0], {}, clock.root)
    for (const left of [1e308, 100, -5, 2]) port1.postMessage({ rescind: 'move', time: { ...time, left } })
    await vi.waitFor(() => expect(remaining(received)).toBe(2))
    await clock.advance(2)
    expect(received.err).toBeInstanceOf(DeadlineExceededError)
  })
})

describe('a sender', () => {
  it('ends its side with a PortError if an answer cannot be deserialized', async () => {
    const [port1, port2] = channel()
    const fire = garble(port1)
    const [ctx, cancel] = withCancel(background())
    toPort(ctx, port1)
    const [received] = await fromPort(background(), port2)
    fire()
    await ended(received)
    expect(cause(received)).toMatchObject({ name: 'PortError', message: 'an answer cannot be deserialized' })
    expect(ctx.err).toBeUndefined()
    cancel()
  })

  it.each<{ rescind: unknown; err?: unknown }>([
    { rescind: 'begin' },
    { rescind: 'end', err: canceled },
    { rescind: 'pause' },
    { rescind: {} },
  ])('closes the port after an invalid answer, $rescind, and ends no context of its own', async (answer) => {
    const [port1, port2] = channel()
    const { closed, listeners } = watch(port1)
    const [ctx, cancel] = withCancel(background())
    toPort(ctx, port1)
    const [received] = await fromPort(background(), port2)
    port2.postMessage(answer)
    await ended(received)
    expect(cause(received)).toMatchObject({ name: 'PortError' })
    expect(closed).toHaveBeenCalledTimes(1)
    expect(listeners()).toBe(0)
    expect(ctx.err).toBeUndefined()
    cancel()
  })
})
