/** Invalid arguments: a TypeError at once, which names the parameter and shows the value. */

import {
  afterFunc,
  background,
  cause,
  createKey,
  disarm,
  withCancel,
  withDeadline,
  withoutCancel,
  withSignal,
  withTimeout,
  withValue,
} from 'rescind'
import type { Context } from 'rescind'
import { describe, expect, it } from 'vitest'
import { countListeners, wrong } from './support.ts'

describe('a wrong argument', () => {
  const ctx = background()
  const key = createKey<string>('key')
  const { signal } = new AbortController()

  const noContexts: [shown: string, value: unknown][] = [
    ['undefined', undefined],
    ['null', null],
    ['5', 5],
    ['"ctx"', 'ctx'],
    ['true', true],
    ['[object Object]', {}],
    ['[object Object]', { signal: undefined }],
    ['[object Object]', { signal: 'abort' }],
    ['[object Object]', { signal: { aborted: false } }],
    ['[object Function]', () => {}],
  ]

  it.each(noContexts)('a wrong parent is a TypeError that names it: %s', (shown, value) => {
    const parent = wrong<Context>(value)
    const message = `rescind: parent must be a context, got ${shown}`
    expect(() => withCancel(parent)).toThrow(new TypeError(message))
    expect(() => withTimeout(parent, 5)).toThrow(new TypeError(message))
    expect(() => withDeadline(parent, 5)).toThrow(new TypeError(message))
    expect(() => withSignal(parent, signal)).toThrow(new TypeError(message))
    expect(() => withValue(parent, key, 'value')).toThrow(new TypeError(message))
    expect(() => withoutCancel(parent)).toThrow(new TypeError(message))
  })

  it.each(noContexts)('a wrong context is a TypeError that names it: %s', (shown, value) => {
    const wrongCtx = wrong<Context>(value)
    const message = `rescind: ctx must be a context, got ${shown}`
    expect(() => afterFunc(wrongCtx, () => {})).toThrow(new TypeError(message))
    expect(() => cause(wrongCtx)).toThrow(new TypeError(message))
    expect(() => disarm(wrongCtx)).toThrow(new TypeError(message))
  })

  it('a signal instead of a context is a TypeError that says how to make one', () => {
    const wrongCtx = wrong<Context>(signal)
    const message = 'must be a context from withSignal(parent, signal), got [object AbortSignal]'
    expect(() => withCancel(wrongCtx)).toThrow(new TypeError(`rescind: parent ${message}`))
    expect(() => withTimeout(wrongCtx, 5)).toThrow(new TypeError(`rescind: parent ${message}`))
    expect(() => cause(wrongCtx)).toThrow(new TypeError(`rescind: ctx ${message}`))
  })

  it.each<[shown: string, value: unknown]>([
    ['NaN', Number.NaN],
    ['"5"', '5'],
    ['undefined', undefined],
    ['null', null],
    ['5', 5n],
    ['true', true],
    ['[object Object]', {}],
    ['[object Object]', { valueOf: () => 5 }],
    ['[object Array]', [5]],
  ])('a wrong number is a TypeError that names it: %s', (shown, value) => {
    expect(() => withTimeout(ctx, wrong(value))).toThrow(TypeError)
    expect(() => withTimeout(ctx, wrong(value))).toThrow(/^rescind: ms must be a number/)
    expect(() => withTimeout(ctx, wrong(value))).toThrow(`got ${shown}`)
    expect(() => withDeadline(ctx, wrong(value))).toThrow(TypeError)
    expect(() => withDeadline(ctx, wrong(value))).toThrow(/^rescind: at must be a/)
    expect(() => withDeadline(ctx, wrong(value))).toThrow(`got ${shown}`)
  })

  it('a wrong Date is a TypeError that names it', () => {
    expect(() => withDeadline(ctx, new Date('soon'))).toThrow(TypeError)
    expect(() => withDeadline(ctx, new Date('soon'))).toThrow(/^rescind: at .*got Invalid Date$/)
    expect(() => withTimeout(ctx, wrong(new Date()))).toThrow(/^rescind: ms /)
  })

  it.each<[shown: string, value: unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['"key"', 'key'],
    ['Symbol(key)', Symbol('key')],
    ['[object Object]', { name: 'key', fallback: undefined }],
  ])('a wrong key is a TypeError that names it: %s', (shown, value) => {
    const message = `rescind: key must be made by createKey, got ${shown}`
    expect(() => withValue(ctx, wrong<typeof key>(value), 'value')).toThrow(new TypeError(message))
    expect(() => ctx.value(wrong<typeof key>(value))).toThrow(new TypeError(message))
  })

  it('a wrong name of a key is a TypeError that names it', () => {
    expect(() => createKey(wrong(undefined))).toThrow(new TypeError('rescind: name must be a string, got undefined'))
    expect(() => createKey(wrong(5))).toThrow(new TypeError('rescind: name must be a string, got 5'))
  })

  it.each<[shown: string, value: unknown]>([
    ['"signal"', 'signal'],
    ['[object AbortController]', new AbortController()],
    ['[object Array]', [[signal]]],
    ['[object Object]', {}],
    ['[object Object]', { aborted: false }],
    ['[object Object]', { aborted: true, reason: 'fake' }],
  ])('a wrong signal is a TypeError that names it: %s', (shown, value) => {
    const message = `rescind: signal must be an AbortSignal, got ${shown}`
    expect(() => withSignal(ctx, wrong(value))).toThrow(new TypeError(message))
    expect(() => withSignal(ctx, [signal, wrong(value)])).toThrow(new TypeError(message))
  })

  it.each<[shown: string, value: unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['"fn"', 'fn'],
    ['[object Object]', {}],
  ])('a wrong function is a TypeError that names it: %s', (shown, value) => {
    const message = `rescind: fn must be a function, got ${shown}`
    expect(() => afterFunc(ctx, wrong(value))).toThrow(new TypeError(message))
  })

  it.each<[shown: string, value: unknown]>([
    ['null', null],
    ['"search"', 'search'],
    ['5', 5],
  ])('wrong options are a TypeError that names them: %s', (shown, value) => {
    const message = `rescind: options must be an object, got ${shown}`
    expect(() => withCancel(ctx, wrong(value))).toThrow(new TypeError(message))
    expect(() => withTimeout(ctx, 5, wrong(value))).toThrow(new TypeError(message))
    expect(() => withDeadline(ctx, 5, wrong(value))).toThrow(new TypeError(message))
  })

  it('leaves no listener and no timer behind', () => {
    const parent = new AbortController()
    const listeners = countListeners(parent.signal)
    const calls = [
      () => withCancel(parent, wrong('options')),
      () => withTimeout(parent, Number.NaN),
      () => withTimeout(parent, 5, wrong('options')),
      () => withDeadline(parent, Number.NaN),
      () => withDeadline(parent, 5, wrong('options')),
      () => withSignal(parent, wrong('signal')),
      () => withSignal(parent, wrong({ aborted: false })),
      () => withSignal(background(), [parent.signal, wrong({ aborted: false })]),
      () => withValue(parent, wrong<typeof key>('key'), 'value'),
      () => afterFunc(parent, wrong('fn')),
    ]
    for (const call of calls) expect(call).toThrow(TypeError)
    expect(listeners()).toBe(0)
  })
})
