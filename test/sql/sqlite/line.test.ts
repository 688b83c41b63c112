/** What both kinds of worker report, and how they are used. Their events are made here: no real worker has all. */

import { EventEmitter } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { SqliteError } from '../../../src/sql/sqlite/channel.ts'
import { lineTo, startWorker } from '../../../src/sql/sqlite/line.ts'
import type { NodeWorker } from '../../../src/sql/sqlite/line.ts'

const log: unknown[] = []
const methods = Object.fromEntries(
  ['postMessage', 'ref', 'unref', 'terminate'].map((name) => [name, (...args: unknown[]) => log.push([name, ...args])]),
)

function thread(): [worker: NodeWorker, emit: (name: string, value?: unknown) => void] {
  const emitter = new EventEmitter()
  return [Object.assign(emitter, methods) as unknown as NodeWorker, (name, value) => emitter.emit(name, value)]
}

function worker(): [worker: Worker, emit: (name: string, value?: object) => Event] {
  const target = new EventTarget()
  const emit = (name: string, value?: object) => {
    const event = Object.assign(new Event(name, { cancelable: true }), value)
    target.dispatchEvent(event)
    return event
  }
  return [Object.assign(target, methods) as unknown as Worker, emit]
}

/** The messages and errors that the line to `worker` reports. */
function heard(worker: Worker | NodeWorker): unknown[] {
  const reports: unknown[] = []
  const line = lineTo(worker)
  line.listen(
    (message) => reports.push(message),
    ({ name, message }) => reports.push(`${name}: ${message}`),
  )
  log.length = 0
  line.hold('busy')
  line.post({ kind: 'stop', id: 1 })
  line.hold('idle')
  line.end()
  return reports
}

describe('a line', () => {
  it('to a thread of Node reports its messages, its errors and its end, and keeps the process alive while busy', () => {
    const [node, emit] = thread()
    const reports = heard(node)
    expect(log).toEqual([['ref'], ['postMessage', { kind: 'stop', id: 1 }, []], ['unref'], ['terminate']])
    emit('message', 'ours')
    emit('error', new TypeError('no'))
    emit('messageerror')
    emit('exit', 0)
    const unreadable = 'SqliteError: a message of the worker cannot be deserialized'
    expect(reports).toEqual(['ours', 'TypeError: no', unreadable, 'SqliteError: the worker has ended'])
  })

  it('to a worker of browsers reports its messages and errors, which the page does not report in turn', () => {
    const [web, emit] = worker()
    const reports = heard(web)
    expect(log).toEqual([['postMessage', { kind: 'stop', id: 1 }, []], ['terminate']])
    emit('message', { data: 'ours' })
    expect(emit('error', { message: 'no' }).defaultPrevented).toBe(true)
    emit('error')
    emit('messageerror')
    const unreadable = 'SqliteError: a message of the worker cannot be deserialized'
    const missing = 'SqliteError: the script of the worker could not be loaded'
    expect(reports).toEqual(['ours', 'SqliteError: no', missing, unreadable])
  })
})

it.each([
  ['', undefined],
  [' and a bundler imitates `process`', {}],
  [' and `process` has other modules', { getBuiltinModule: () => undefined }],
])('no worker can be started where there are none%s', (_, imitation) => {
  vi.stubGlobal('process', imitation)
  let error: unknown
  try {
    startWorker()
  } catch (thrown) {
    error = thrown
  } finally {
    vi.unstubAllGlobals()
  }
  expect(error).toBeInstanceOf(SqliteError)
  expect(String(error)).toContain('this environment has no workers')
})
