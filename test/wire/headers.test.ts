/** Contexts in headers: what is sent, to which origins, and how untrusted headers are read. */

import {
  background,
  cause,
  createKey,
  isDeadlineExceeded,
  rearm,
  remaining,
  withCancel,
  withoutCancel,
  withTimeout,
  withValue,
} from 'rescind'
import { fakeClock } from 'rescind/testing'
import {
  carry,
  connectTimeout,
  fromHeaders,
  grpcTimeout,
  HeaderError,
  headers,
  text,
  timeoutHeader,
} from 'rescind/wire'
import type { HeadersOptions, TimeoutHeader } from 'rescind/wire'
import * as fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'

const HEADER = 'rescind-timeout-ms'
const API = 'https://api.example'
const toApi: HeadersOptions = { to: `${API}/albums`, allow: [API] }
const hasLocation = typeof location === 'object'

const requestId = carry(createKey<string>('requestId'), 'x-request-id')
const user = carry(createKey<{ id: number }>('user'), 'X-User', {
  encode: ({ id }) => String(id),
  decode: (text) => (text === 'nobody' ? undefined : { id: whole(text) }),
})

function whole(text: string): number {
  if (!/^\d+$/.test(text)) throw new RangeError('no number')
  return Number(text)
}

function thrownBy(fn: () => unknown): unknown {
  try {
    fn()
  } catch (error) {
    return error
  }
  return undefined
}

afterEach(() => {
  vi.unstubAllGlobals()
})

describe('headers', () => {
  it('sends the time left, not the time of the end', async () => {
    const clock = fakeClock(1_000_000)
    const [ctx] = withTimeout(clock.root, 5_000)
    expect(headers(ctx, toApi)).toEqual({ [HEADER]: '5000' })
    await clock.advance(1_500)
    expect(headers(ctx, toApi)).toEqual({ [HEADER]: '3500' })
    rearm(ctx, 2_000)
    expect(headers(ctx, toApi)).toEqual({ [HEADER]: '2000' })
  })

  it('includes the deadlines of ancestors', () => {
    const clock = fakeClock(0)
    const [parent] = withTimeout(clock.root, 100)
    const [ctx] = withTimeout(parent, 5_000)
    expect(headers(ctx, toApi)).toEqual({ [HEADER]: '100' })
  })

  it('rounds up, to at least one millisecond', async () => {
    const clock = fakeClock(0)
    const [ctx] = withTimeout(clock.root, 2)
    await clock.advance(0.5)
    expect(headers(ctx, toApi)).toEqual({ [HEADER]: '2' })
    await clock.advance(1.4)
    expect(headers(ctx, toApi)).toEqual({ [HEADER]: '1' })
  })

  it('is empty for a context without a deadline and without values', () => {
    expect(headers(background(), toApi)).toEqual({})
    expect(headers(withTimeout(background(), Infinity)[0], toApi)).toEqual({})
    expect(headers(withoutCancel(withTimeout(fakeClock(0).root, 5)[0]), toApi)).toEqual({})
  })

  it('sends the chosen values and no others', () => {
    const other = createKey<string>('other')
    const chosen = withValue(withValue(background(), requestId.key, 'r-17'), user.key, { id: 7 })
    const ctx = withValue(chosen, other, 'secret')
    expect(headers(ctx, { ...toApi, values: [requestId, user] })).toEqual({ 'x-request-id': 'r-17', 'x-user': '7' })
    expect(headers(ctx, { ...toApi, values: [user] })).toEqual({ 'x-user': '7' })
    expect(headers(ctx, toApi)).toEqual({})
  })

  it('leaves out a value that is not set, and sends the fallback of a key', () => {
    const locale = carry(createKey('locale', 'en'), 'accept-language')
    expect(headers(background(), { ...toApi, values: [requestId, locale] })).toEqual({ 'accept-language': 'en' })
  })

  it('leaves out a value that its codec encodes as undefined', () => {
    const empty = carry(createKey<string>('empty'), 'x-empty', { encode: () => undefined, decode: (text) => text })
    expect(headers(withValue(background(), empty.key, ''), { ...toApi, values: [empty] })).toEqual({})
  })

  it('leaves out the time if `timeout` is null', () => {
    const [ctx] = withTimeout(fakeClock(0).root, 5_000)
    expect(headers(ctx, { ...toApi, timeout: null })).toEqual({})
    expect(headers(ctx, { ...toApi, timeout: grpcTimeout })).toEqual({ 'grpc-timeout': '5000m' })
    expect(headers(ctx, { ...toApi, timeout: connectTimeout })).toEqual({ 'connect-timeout-ms': '5000' })
  })

  it('throws the error of a context that has ended', async () => {
    const clock = fakeClock(0)
    const [late] = withTimeout(clock.root, 5)
    const [ctx, cancel] = withCancel(background())
    cancel('why')
    await clock.advance(5)
    for (const ended of [ctx, late]) {
      expect(ended.err).toBeDefined()
      expect(thrownBy(() => headers(ended, toApi))).toBe(ended.err)
    }
  })

  it('accepts foreign contexts', () => {
    const { signal } = new AbortController()
    const ms = Number(headers({ signal, deadline: Date.now() + 5_000 } as { signal: AbortSignal }, toApi)[HEADER])
    expect(ms).toBeGreaterThan(4_000)
    expect(ms).toBeLessThanOrEqual(5_001)
  })

  describe('the option to', () => {
    const [ctx] = withTimeout(fakeClock(0).root, 5_000)
    const sent = { [HEADER]: '5000' }

    it('sends to another origin only if that is allowed', () => {
      for (const to of ['http://api.example/', `${API}:8443/`, 'https://example/', 'https://x.api.example/']) {
        expect(headers(ctx, { to, allow: [API] })).toEqual({})
      }
      for (const to of [API, `${API}:443/albums?page=2`, new URL(API), 'HTTPS://API.example/albums']) {
        expect(headers(ctx, { to, allow: [API] })).toEqual(sent)
      }
      expect(headers(ctx, { to: API, allow: [] })).toEqual({})
      expect(headers(ctx, { to: API, allow: ['https://other.example', new URL(`${API}/path`)] })).toEqual(sent)
    })

    it('asks `allow` if that is a function', () => {
      const allow = vi.fn<(to: URL) => boolean>(({ hostname }) => hostname.endsWith('.internal'))
      expect(headers(ctx, { to: 'http://albums.internal:8080/', allow })).toEqual(sent)
      expect(headers(ctx, { to: 'http://albums.example/', allow })).toEqual({})
      expect(allow.mock.calls[0]?.[0]).toBeInstanceOf(URL)
    })

    it.each(['data:,hello', 'blob:https://api.example/17', 'ftp://api.example/', 'file:///etc/hosts'])(
      'sends nothing to %s, whatever is allowed',
      (to) => {
        expect(headers(ctx, { to, allow: () => true })).toEqual({})
      },
    )

    it.skipIf(!hasLocation)("sends to the page's own origin without allow, and to no other", () => {
      for (const to of ['/albums', 'albums?page=2', '', location.href, new URL('/', location.href)]) {
        expect(headers(ctx, { to })).toEqual(sent)
      }
      expect(headers(ctx, { to: API })).toEqual({})
      expect(headers(ctx, { to: '//api.example/albums' })).toEqual({})
      expect(headers(ctx, { to: '/albums', allow: [API] })).toEqual(sent)
    })

    it.runIf(!hasLocation)('must be absolute on a server, and needs allow', () => {
      expect(() => headers(ctx, { to: '/albums', allow: [API] })).toThrow('to must be an absolute URL, got "/albums"')
      expect(() => headers(ctx, { to: API })).toThrow('allow must be a list of origins, or a function, got undefined')
    })

    it.runIf(!hasLocation)('does not match an opaque own origin', () => {
      vi.stubGlobal('location', { href: 'about:srcdoc', origin: 'null' })
      expect(headers(ctx, { to: API })).toEqual({})
      expect(headers(ctx, { to: API, allow: [API] })).toEqual(sent)
    })

    it.each([undefined, null, 'https://', 'http://a b', 5])('throws a TypeError if it is %s', (to) => {
      const send = () => headers(ctx, { to: to as string, allow: ['bad origin'] })
      expect(send).toThrow(TypeError)
      expect(send).toThrow(/^rescind: (to|allow) must be (an absolute|a) URL, got /)
    })

    it('is shown without user, password and query in errors', () => {
      const to = 'http://user:secret@host:port/path?token=secret'
      expect(() => headers(ctx, { to, allow: [API] })).toThrow('got "http://host:port/path"')
      expect(() => headers(ctx, { to: API, allow: ['//user:secret@api.example'] })).toThrow('got "//api.example"')
    })

    it('throws if allow is not a list of origins', () => {
      expect(() => headers(ctx, { to: API, allow: ['api.example'] })).toThrow('allow must be an absolute URL')
      expect(() => headers(ctx, { to: API, allow: API as never })).toThrow('allow must be a list of origins')
    })
  })

  it('throws if all headers together exceed the limit', () => {
    const ctx = withValue(background(), requestId.key, 'x'.repeat(88))
    const options = { ...toApi, values: [requestId] }
    expect(headers(ctx, { ...options, maxSize: 100 })).toEqual({ 'x-request-id': 'x'.repeat(88) })
    expect(() => headers(ctx, { ...options, maxSize: 99 })).toThrow(RangeError)
    const large = withValue(background(), requestId.key, 'x'.repeat(20_000))
    expect(() => headers(large, options)).toThrow('headers must be at most 16384 bytes, got 20012')
  })

  it.each(['two\r\nlines', 'é', '\0', '\u007f', 7 as unknown as string])('throws for the value %j', (value) => {
    const raw = carry(createKey<string>('raw'), 'x-raw', { encode: (value) => value, decode: (text) => text })
    expect(() => headers(withValue(background(), raw.key, value), { ...toApi, values: [raw] })).toThrow(TypeError)
  })

  it('does not show a value that cannot be written, since it may be secret', () => {
    const raw = carry(createKey<string>('raw'), 'x-raw', { encode: (value) => value, decode: (text) => text })
    for (const carried of [raw, requestId]) {
      for (const value of ['secret\nline', 'secret\u2028line', `secret${'\u202e'}`, 'secret\0']) {
        const send = () => headers(withValue(background(), carried.key, value), { ...toApi, values: [carried] })
        expect(send).toThrow(TypeError)
        expect(send).not.toThrow('secret')
      }
    }
  })

  it('throws if two values share one header', () => {
    const twin = carry(createKey<string>('twin'), 'X-Request-Id')
    const ctx = withValue(withValue(background(), requestId.key, 'one'), twin.key, 'two')
    expect(() => headers(ctx, { ...toApi, values: [requestId, twin] })).toThrow(TypeError)
  })

  it('throws without a context or options', () => {
    expect(() => headers(undefined as never, toApi)).toThrow('ctx must be a context, got undefined')
    expect(() => headers(background(), undefined as never)).toThrow('options must be an object, got undefined')
  })

  it.each([NaN, '99', null])('throws for the limit %j instead of sending headers of any size', (maxSize) => {
    const refused = `maxSize must be a number of bytes, got ${typeof maxSize === 'string' ? '"99"' : maxSize}`
    expect(() => headers(background(), { ...toApi, maxSize: maxSize as number })).toThrow(refused)
    expect(() => fromHeaders(background(), {}, { maxSize: maxSize as number })).toThrow(refused)
  })
})

describe('fromHeaders', () => {
  it("ends when the sender's time is over", async () => {
    const clock = fakeClock(0)
    const [ctx] = fromHeaders(clock.root, { [HEADER]: '250' }, { label: 'albums' })
    expect(ctx.deadline).toBe(250)
    await clock.advance(249)
    expect(ctx.err).toBeUndefined()
    await clock.advance(1)
    expect(ctx.err).toMatchObject({ name: 'TimeoutError', label: 'albums', ms: 250 })
  })

  it('ends with its parent, and by its own cancel', () => {
    const [parent, cancelParent] = withCancel(background())
    const [one] = fromHeaders(parent, { [HEADER]: '60000' })
    const [other, cancel] = fromHeaders(parent, {})
    cancel('other')
    cancelParent('parent')
    expect([cause(one), cause(other)]).toEqual(['parent', 'other'])
  })

  it('never has more time than its parent, whatever the headers say', () => {
    const clock = fakeClock(0)
    const [parent] = withTimeout(clock.root, 100)
    expect(fromHeaders(parent, { [HEADER]: '9999999999' })[0].deadline).toBe(100)
  })

  it('limits the time, whether the headers have more or none', () => {
    const { root } = fakeClock(0)
    const given = (sent?: string, limit?: number) =>
      fromHeaders(root, sent === undefined ? {} : { [HEADER]: sent }, { limit })[0].deadline
    expect(given('5000', 2_000)).toBe(2_000)
    expect(given('1000', 2_000)).toBe(1_000)
    expect(given(undefined, 2_000)).toBe(2_000)
    expect(given('5000', Infinity)).toBe(5_000)
    expect(given()).toBeUndefined()
  })

  it('has ended from the start if no time is left', () => {
    const [ctx] = fromHeaders(background(), { [HEADER]: '0' })
    expect(isDeadlineExceeded(ctx.err)).toBe(true)
    expect(isDeadlineExceeded(fromHeaders(background(), {}, { limit: 0 })[0].err)).toBe(true)
  })

  it('has the values under their typed keys', () => {
    const [ctx] = fromHeaders(background(), { 'x-request-id': 'r-17', 'x-user': '7' }, { values: [requestId, user] })
    expect(ctx.value(requestId.key)).toBe('r-17')
    expect(ctx.value(user.key)).toEqual({ id: 7 })
  })

  it("keeps the parent's value if the header is missing, not chosen, or ignored by its codec", () => {
    const parent = withValue(withValue(background(), requestId.key, 'ours'), user.key, { id: 1 })
    expect(fromHeaders(parent, {}, { values: [requestId] })[0].value(requestId.key)).toBe('ours')
    expect(fromHeaders(parent, { 'x-request-id': 'r-17' })[0].value(requestId.key)).toBe('ours')
    expect(fromHeaders(parent, { 'x-user': 'nobody' }, { values: [user] })[0].value(user.key)).toEqual({ id: 1 })
  })

  it('can be rearmed, and shows its label', () => {
    const clock = fakeClock(0)
    const [ctx] = fromHeaders(clock.root, { 'x-request-id': 'r-17' }, { values: [requestId], label: 'albums' })
    expect(String(ctx)).toBe('background.withValue(requestId).fromHeaders(albums)')
    rearm(ctx, 500)
    expect(remaining(ctx)).toBe(500)
  })

  it.each<[name: string, make: (header: string, value: string) => Parameters<typeof fromHeaders>[1]]>([
    ['Headers', (header, value) => new Headers({ [header]: value })],
    ['the headers of a Request', (header, value) => new Request(API, { headers: { [header]: value } }).headers],
    ['a record', (header, value) => ({ [header]: value })],
    ['a bare record', (header, value) => Object.assign(Object.create(null) as object, { [header]: value })],
    ['a record in other letters', (header, value) => ({ [header.toUpperCase()]: value })],
    ['a record with nothing for it', (header, value) => ({ [header.toUpperCase()]: undefined, [header]: value })],
    ['a record of lists', (header, value) => ({ [header]: [value], other: undefined, 'set-cookie': ['a', 'b'] })],
  ])('reads %s', (_, make) => {
    const { root } = fakeClock(0)
    expect(fromHeaders(root, make(HEADER, '250'))[0].deadline).toBe(250)
    const [ctx] = fromHeaders(root, make('x-request-id', 'r-17'), { values: [requestId] })
    expect(ctx.value(requestId.key)).toBe('r-17')
  })

  it('reads a header with the name get', () => {
    const get = carry(createKey<string>('get'), 'get')
    expect(fromHeaders(background(), { get: 'it' }, { values: [get] })[0].value(get.key)).toBe('it')
  })

  const garbage = ['', ' ', 'abc', '-1', '+1', '1.5', '1e3', '0x10', '12345678901', '9'.repeat(400), 'Infinity', 'NaN']

  it.each([...garbage, '5, 6', '5,5', '５', '5\0', '5s', '5 000'])('refuses the time %j with status 400', (sent) => {
    const thrown = thrownBy(() => fromHeaders(background(), { [HEADER]: sent }))
    expect(thrown).toBeInstanceOf(HeaderError)
    expect(thrown).toMatchObject({ name: 'HeaderError', status: 400, header: HEADER })
    const { message } = thrown as Error
    expect(message).toContain(`${HEADER} cannot be read: "`)
    expect(message.length).toBeLessThan(100)
  })

  it.each<[header: string, sent: string, timeout?: TimeoutHeader]>([
    [HEADER, '9'.repeat(500)],
    ['grpc-timeout', '9'.repeat(500), grpcTimeout],
    ['connect-timeout-ms', '9'.repeat(500), connectTimeout],
    ['x-request-id', `${'9'.repeat(500)}%00`],
    ['x-request-id', `${'9'.repeat(500)}%`],
  ])('shows little of a long %s, and none of it in the cause', (header, sent, timeout) => {
    const options = { values: [requestId], timeout }
    const thrown = thrownBy(() => fromHeaders(background(), { [header]: sent }, options)) as HeaderError
    expect(thrown).toBeInstanceOf(HeaderError)
    expect(thrown.message).toContain(`"${'9'.repeat(40)}…"`)
    expect(String(thrown.cause)).not.toContain('999')
  })

  it('shows refused text on one line', () => {
    const thrown = thrownBy(() => fromHeaders(background(), { [HEADER]: 'a\u001b[2J\u009b\u2028\u202eb' }))
    expect((thrown as Error).message).toBe(`${HEADER} cannot be read: "a\\u001b[2J\\u009b\\u2028\\u202eb"`)
  })

  it('refuses two times', () => {
    const twice = new Headers([
      [HEADER, '5'],
      [HEADER, '5'],
    ])
    for (const sent of [twice, { [HEADER]: ['5', '5'] }, { [HEADER]: '5', [HEADER.toUpperCase()]: '5' }]) {
      expect(() => fromHeaders(background(), sent)).toThrow(HeaderError)
    }
  })

  it('refuses a value that its codec refuses, with that error as the cause', () => {
    const thrown = thrownBy(() => fromHeaders(background(), { 'x-user': 'abc' }, { values: [user] }))
    expect(thrown).toBeInstanceOf(HeaderError)
    expect(thrown).toMatchObject({ status: 400, header: 'x-user', cause: new RangeError('no number') })
  })

  const noText = ['100%', '%zz', '%c3', 'a%0ab', '%00', '%7f', '%c2%85', '%e2%80%a8', '%e2%80%ae', '%1b[2J']

  it.each(noText)('refuses the text %j', (sent) => {
    expect(() => fromHeaders(background(), { 'x-request-id': sent }, { values: [requestId] })).toThrow(HeaderError)
  })

  it('refuses a decoded time that is negative or not finite', () => {
    for (const ms of [NaN, Infinity, -1]) {
      const timeout: TimeoutHeader = { header: 'x-timeout', encode: String, decode: () => ms }
      expect(() => fromHeaders(background(), { 'x-timeout': '5' }, { timeout })).toThrow(HeaderError)
    }
    const silent: TimeoutHeader = { header: 'x-timeout', encode: String, decode: () => undefined }
    expect(fromHeaders(background(), { 'x-timeout': '5' }, { timeout: silent })[0].deadline).toBeUndefined()
  })

  it('refuses more than the limit with status 431, and counts only the headers that it reads', () => {
    const sent = { 'x-request-id': 'x'.repeat(88), cookie: 'x'.repeat(100_000) }
    const options = { values: [requestId] }
    expect(fromHeaders(background(), sent, { ...options, maxSize: 100 })[0].value(requestId.key)).toHaveLength(88)
    const timed = { ...sent, [HEADER]: '5' }
    const thrown = thrownBy(() => fromHeaders(background(), timed, { ...options, maxSize: 118 }))
    expect(thrown).toBeInstanceOf(HeaderError)
    expect(thrown).toMatchObject({ status: 431, header: 'x-request-id' })
    expect(thrown).not.toHaveProperty('cause')
    const swapped = { 'x-request-id': 'short', [HEADER]: '5'.repeat(200) }
    expect(thrownBy(() => fromHeaders(background(), swapped, { ...options, maxSize: 118 }))).toMatchObject({
      header: HEADER,
    })
    expect(fromHeaders(fakeClock(0).root, timed, { ...options, maxSize: 119 })[0].deadline).toBe(5)
    expect(() => fromHeaders(background(), { 'x-request-id': 'x'.repeat(20_000) }, options)).toThrow(HeaderError)
  })

  it('counts bytes, not characters', () => {
    const options = { values: [requestId], maxSize: 100 }
    const read = (id: string) => fromHeaders(background(), { 'x-request-id': id }, options)[0].value(requestId.key)
    expect(read('é'.repeat(44))).toHaveLength(44)
    expect(() => read('é'.repeat(45))).toThrow(HeaderError)
    expect(read('日'.repeat(29))).toHaveLength(29)
    expect(() => read('日'.repeat(30))).toThrow('is too long: the headers have 102 bytes, at most 100 are allowed')
    expect(read('🎵'.repeat(22))).toHaveLength(44)
    expect(() => read('🎵'.repeat(23))).toThrow(HeaderError)
  })

  it.each(['\u007f', '\u0080', '\u07ff', '\u0800', '\ud7ff', '\ue000', '\u{10000}', '\u{10ffff}'])(
    'counts the bytes of %j as UTF-8 has it',
    (letter) => {
      const bytes = 'x-request-id'.length + new TextEncoder().encode(letter).length
      const options = { values: [requestId], maxSize: 5 }
      const read = () => fromHeaders(background(), { 'x-request-id': letter }, options)
      expect(read).toThrow(`is too long: the headers have ${bytes} bytes, at most 5 are allowed`)
    },
  )

  it('reads a header once for two values that share it', () => {
    const twin = carry(createKey<string>('twin'), requestId.header)
    for (const received of [new Headers({ [requestId.header]: 'r-17' }), { [requestId.header]: 'r-17' }]) {
      const [ctx] = fromHeaders(background(), received, { values: [requestId, twin] })
      expect([ctx.value(requestId.key), ctx.value(twin.key)]).toEqual(['r-17', 'r-17'])
    }
  })

  it('reads no time if `timeout` is null', () => {
    expect(fromHeaders(background(), { [HEADER]: 'abc' }, { timeout: null })[0].deadline).toBeUndefined()
    expect(fromHeaders(fakeClock(0).root, { 'grpc-timeout': '5S' }, { timeout: grpcTimeout })[0].deadline).toBe(5_000)
  })

  it('throws for invalid arguments', () => {
    expect(() => fromHeaders(undefined as never, {})).toThrow('parent must be a context, got undefined')
    expect(() => fromHeaders(background(), undefined as never)).toThrow(
      'headers must be an object of headers, got undefined',
    )
    expect(() => fromHeaders(background(), {}, null as never)).toThrow('options must be an object, got null')
    expect(() => fromHeaders(background(), {}, { limit: NaN })).toThrow('limit must be a number of milliseconds')
    expect(() => fromHeaders(background(), { [HEADER]: 5 as never })).toThrow(TypeError)
  })

  it('throws only HeaderErrors, and never exceeds the limit', () => {
    const almost = fc.oneof(fc.integer().map(String), fc.stringMatching(/^\d*\w?$/))
    const value = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), almost)
    const record = fc.dictionary(
      fc.constantFrom(HEADER, 'grpc-timeout', 'connect-timeout-ms', 'X-Request-Id', 'x-user', '__proto__', 'get'),
      fc.oneof(value, fc.array(value, { maxLength: 3 }), fc.constant(undefined)),
    )
    const timeout = fc.constantFrom(undefined, null, grpcTimeout, connectTimeout)
    let read = 0
    fc.assert(
      fc.property(record, timeout, fc.integer({ min: 1, max: 1_000 }), (sent, timeout, limit) => {
        try {
          const options = { timeout, limit, values: [requestId, user], maxSize: 200 }
          const [ctx] = fromHeaders(fakeClock(0).root, sent, options)
          read++
          expect(ctx.deadline).toBeLessThanOrEqual(limit)
        } catch (error) {
          if (!(error instanceof HeaderError)) throw error
        }
      }),
      { numRuns: 300 },
    )
    expect(read).toBeGreaterThan(30)
  })
})

describe('a context that is sent and received', () => {
  it('has the same values and time', () => {
    const letter = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 })
    const anyText = fc
      .string({ unit: fc.oneof(letter, fc.constantFrom('%', ' ', ',')) })
      .filter((text) => !/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u.test(text))
    fc.assert(
      fc.property(anyText, fc.nat(), fc.integer({ min: 1, max: 9_999_999_999 }), (id, number, ms) => {
        const [limited] = withTimeout(fakeClock(7).root, ms)
        const sender = withValue(withValue(limited, requestId.key, id), user.key, { id: number })
        const values = [requestId, user]
        // Through real headers, which trim and refuse.
        const [ctx] = fromHeaders(fakeClock(0).root, new Headers(headers(sender, { ...toApi, values })), { values })
        expect(ctx.value(requestId.key)).toBe(id)
        expect(ctx.value(user.key)).toEqual({ id: number })
        expect(remaining(ctx)).toBe(ms)
      }),
    )
  })

  it.each<[format: TimeoutHeader, ms: number, sent: string]>([
    [timeoutHeader, 0.1, '1'],
    [timeoutHeader, 1e13, '9999999999'],
    [connectTimeout, 4_999.2, '5000'],
    [connectTimeout, 1e13, '9999999999'],
    [grpcTimeout, 0.1, '1m'],
    [grpcTimeout, 250, '250m'],
    [grpcTimeout, 99_999_999, '99999999m'],
    [grpcTimeout, 99_999_999.5, '100000S'],
    [grpcTimeout, 100_000_001, '100001S'],
    [grpcTimeout, 99_999_999_001, '1666667M'],
    [grpcTimeout, 6e12, '1666667H'],
    [grpcTimeout, 1e300, '99999999H'],
  ])('encodes the time as $header does', (format, ms, sent) => {
    expect(format.encode(ms)).toBe(sent)
  })

  it.each([
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3_000],
    ['4m', 4],
    ['5000u', 5],
    ['6000000n', 6],
    ['00000001m', 1],
    ['99999999H', 359_999_996_400_000],
  ])('reads the grpc-timeout %s', (sent, ms) => {
    expect(grpcTimeout.decode(sent)).toBeCloseTo(ms)
  })

  it.each(['1', 'm', '123456789m', '1h', '1s', '1ms', '-1m', '1.5S', '1m, 2m', ' 1m', '１m'])(
    'refuses the grpc-timeout %j',
    (sent) => {
      expect(() => grpcTimeout.decode(sent)).toThrow(TypeError)
    },
  )

  it('never gains less time than was left', () => {
    const format = fc.constantFrom(timeoutHeader, connectTimeout, grpcTimeout)
    fc.assert(
      fc.property(format, fc.double({ min: 0, max: 9_999_999_999, noNaN: true }), ({ encode, decode }, ms) => {
        const sent = encode(ms) as string
        expect(decode(sent)).toBeGreaterThanOrEqual(ms)
        expect(decode(sent)).toBeLessThanOrEqual(Math.max(1, ms * 1.001 + 1))
      }),
    )
  })
})

describe('carry', () => {
  it('ignores the case of a name', () => {
    expect(carry(createKey<string>('key'), 'X-Request-ID').header).toBe('x-request-id')
  })

  it('accepts a codec that is an object with state', () => {
    class Padded {
      readonly #length = 5
      encode(value: number): string {
        return String(value).padStart(this.#length, '0')
      }
      decode(text: string): number {
        return Number(text.slice(-this.#length))
      }
    }
    const count = carry(createKey<number>('count'), 'x-count', new Padded())
    const sent = headers(withValue(background(), count.key, 7), { ...toApi, values: [count] })
    expect(sent).toEqual({ 'x-count': '00007' })
    expect(fromHeaders(background(), sent, { values: [count] })[0].value(count.key)).toBe(7)
  })

  it.each(['', 'two words', 'colon:', 'é', 'line\n', undefined])('refuses the header %j', (header) => {
    expect(() => carry(createKey<string>('key'), header as string)).toThrow('header must be the name of a header')
  })

  it('refuses a value that is not a key', () => {
    expect(() => carry('key' as never, 'x-key')).toThrow('key must be made by createKey, got "key"')
  })
})

describe('text', () => {
  it.each([
    ['r-17', 'r-17'],
    ['two words, "quoted"; a=b', 'two words, "quoted"; a=b'],
    ['100%', '100%25'],
    ['zoë', 'zo%C3%AB'],
    ['🎵', '%F0%9F%8E%B5'],
    ['  blanks ', '%20%20blanks%20'],
    [' ', '%20'],
    ['', ''],
    ['שלום\u200f', '%D7%A9%D7%9C%D7%95%D7%9D%E2%80%8F'],
  ])('writes %j as %j', (value, sent) => {
    expect(text.encode(value)).toBe(sent)
    expect(text.decode(sent)).toBe(value)
  })

  it('writes half a surrogate pair as the replacement character', () => {
    expect(text.encode('\ud83c')).toBe('%EF%BF%BD')
  })

  it.each(['two\nlines', '\0', '\u0085', '\u2028', '\u202e', '\u2066', 5, undefined])('refuses %j', (value) => {
    expect(() => text.encode(value as string)).toThrow('value must be text of one line')
  })

  it('trims many blanks in linear time', () => {
    const blanks = `a${' '.repeat(1_000_000)}b`
    expect(text.decode(text.encode(blanks) as string)).toBe(blanks)
  })
})
