/** Traces and baggage by the W3C's specifications: read leniently, written strictly. */

import { background, withValue } from 'rescind'
import { baggage, fromHeaders, headers, traceparent, tracestate } from 'rescind/wire'
import type { BaggageEntry, HeadersOptions } from 'rescind/wire'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const values = [traceparent, tracestate, baggage]
const toApi: HeadersOptions = { to: 'https://api.example', allow: ['https://api.example'], values }
const IDS = '0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331'
const PARENT = `00-${IDS}-01`

function write(name: string, entry: BaggageEntry): string | undefined {
  return baggage.encode(new Map([[name, entry]]))
}

/** The values of a context from these headers. */
function received(sent: Record<string, string>) {
  const [ctx] = fromHeaders(background(), sent, { values })
  return { parent: ctx.value(traceparent.key), state: ctx.value(tracestate.key), baggage: ctx.value(baggage.key) }
}

describe('traceparent', () => {
  it.each([PARENT, `00-${IDS}-00`, `00-${IDS}-ff`])('passes %s on unchanged', (sent) => {
    expect(received({ traceparent: sent }).parent).toBe(sent)
    const [ctx] = fromHeaders(background(), { traceparent: sent }, { values })
    expect(headers(ctx, toApi)).toEqual({ traceparent: sent })
  })

  it.each([
    [`01-${IDS}-01`, PARENT],
    [`cc-${IDS}-01-what-the-future-will-be-like`, PARENT],
    [`01-${IDS}-ff`, `00-${IDS}-03`],
  ])('keeps the known part of a later version: %s', (sent, parent) => {
    expect(received({ traceparent: sent }).parent).toBe(parent)
  })

  it.each([
    '',
    'garbage',
    `ff-${IDS}-01`,
    `0-${IDS}-01`,
    `00-${IDS}`,
    `00-${IDS}-1`,
    `00-${IDS}-01-more`,
    `01-${IDS}-01.more`,
    `00-${IDS.toUpperCase()}-01`,
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01`,
    `${PARENT}, ${PARENT}`,
    ` ${PARENT}`,
  ])('ignores %j, without an error for the request', (sent) => {
    expect(received({ traceparent: sent, tracestate: 'a=1' })).toEqual({})
  })

  it('throws instead of writing an invalid value', () => {
    const ctx = withValue(background(), traceparent.key, 'garbage')
    expect(() => headers(ctx, toApi)).toThrow('traceparent must have the format of W3C Trace Context')
    const other = withValue(background(), traceparent.key, 5 as unknown as string)
    expect(() => headers(other, toApi)).toThrow('traceparent must be a traceparent, got 5')
  })
})

describe('tracestate', () => {
  it('is read and written with a traceparent only', () => {
    expect(received({ traceparent: PARENT, tracestate: 'a=1' })).toEqual({ parent: PARENT, state: 'a=1' })
    expect(received({ tracestate: 'a=1' })).toEqual({})
    const ctx = withValue(background(), tracestate.key, 'a=1')
    expect(headers(ctx, toApi)).toEqual({})
    const traced = withValue(ctx, traceparent.key, PARENT)
    expect(headers(traced, toApi)).toEqual({ traceparent: PARENT, tracestate: 'a=1' })
    expect(headers(traced, { ...toApi, values: [tracestate] })).toEqual({})
    // In any order.
    expect(headers(traced, { ...toApi, values: [tracestate, traceparent] })).toHaveProperty('tracestate', 'a=1')
  })

  const most = Array.from({ length: 32 }, (_, index) => `k${index}=1`).join(',')

  it.each([
    [most, most],
    ['a=1,b=2', 'a=1,b=2'],
    ['a=1 , ,b=2', 'a=1,b=2'],
    ['tenant@vendor=t61rcWkgMzE', 'tenant@vendor=t61rcWkgMzE'],
    ['a=!"#$%&\'()*+-./:;<>?@[\\]^_`{|}~', 'a=!"#$%&\'()*+-./:;<>?@[\\]^_`{|}~'],
  ])('reads %j', (sent, state) => {
    expect(received({ traceparent: PARENT, tracestate: sent }).state).toBe(state)
  })

  const bad = ['', ',', 'a', 'a=', '=1', 'A=1', 'a=1=2', 'a=1,b', 'a@=1', `${'k'.repeat(257)}=1`, `${most},k32=1`]

  it.each([...bad, 'a=1,a=1', 'a=1,b=2,a=3', 'a=1 , a=2'])('ignores %j, without the traceparent', (sent) => {
    expect(received({ traceparent: PARENT, tracestate: sent })).toEqual({ parent: PARENT })
  })

  it('throws instead of writing a key twice', () => {
    const ctx = withValue(withValue(background(), traceparent.key, PARENT), tracestate.key, 'a=1,b=2,a=3')
    expect(() => headers(ctx, toApi)).toThrow('tracestate must have the format of W3C Trace Context')
  })
})

describe('baggage', () => {
  it('reads names, values and properties', () => {
    const sent = 'userId=alice, serverNode = DF%2028 ;ttl=30; private ,isProduction=false,zo=zo%C3%AB,empty=,eq=a=b'
    expect(received({ baggage: sent }).baggage).toEqual(
      new Map<string, BaggageEntry>([
        ['userId', { value: 'alice' }],
        ['serverNode', { value: 'DF 28', properties: 'ttl=30;private' }],
        ['isProduction', { value: 'false' }],
        ['zo', { value: 'zoë' }],
        ['empty', { value: '' }],
        ['eq', { value: 'a=b' }],
      ]),
    )
  })

  it('drops only the entries that cannot be read', () => {
    const sent = 'a=1,,b,=2,c=%zz,two words=3,d="4",e=\\,f=6,é=7,g=8;é'
    expect([...(received({ baggage: sent }).baggage ?? [])]).toEqual([
      ['a', { value: '1' }],
      ['f', { value: '6' }],
    ])
    expect(received({ baggage: 'garbage' })).toEqual({})
  })

  it.each(['a%0ab', 'a%0d%0aset-cookie: b', '%1b[2J', '%00', '%c2%9b', '%e2%80%a8', '%e2%80%ae'])(
    'drops the value %j, which is not text on one line',
    (sent) => {
      expect(received({ baggage: `a=1,b=${sent}` }).baggage).toEqual(new Map([['a', { value: '1' }]]))
    },
  )

  it.each(['secret\nline', 'secret\u001b[2J', 'secret\u2028', 'secret\u202e', 5 as unknown as string])(
    'refuses to write the value %j, and does not show it',
    (value) => {
      expect(() => write('a', { value })).toThrow('the value of an entry must be text of one line')
      expect(() => write('a', { value })).not.toThrow('secret')
    },
  )

  it('takes the last of two entries with one name', () => {
    expect(received({ baggage: 'a=1,b=2,a=3' }).baggage?.get('a')).toEqual({ value: '3' })
  })

  it('is cut after 64 entries and 8,192 bytes, on both sides', () => {
    const many = new Map(Array.from({ length: 70 }, (_, index) => [`k${index}`, { value: 'v' }]))
    const sent = baggage.encode(many) as string
    expect(sent.split(',')).toHaveLength(64)
    expect(baggage.decode(`${sent},one=more`)?.size).toBe(64)
    const large = new Map(['a', 'b', 'c'].map((name) => [name, { value: 'x'.repeat(4_094) }]))
    expect(baggage.encode(large)).toHaveLength(4_096)
    expect(baggage.decode(`a=${'x'.repeat(4_000)},b=${'x'.repeat(4_187)},c=1`)?.size).toBe(2)
    expect(baggage.decode(`a=${'x'.repeat(4_000)},b=${'x'.repeat(4_188)},c=1`)?.size).toBe(1)
    expect(baggage.decode(`a=${'x'.repeat(4_000)},b=${'é'.repeat(2_100)},c=1`)?.size).toBe(1)
  })

  it('is written with the properties of its entries', () => {
    expect(write('a', { value: 'b c', properties: 'ttl=30;private' })).toBe('a=b%20c;ttl=30;private')
    expect(write('a', { value: '1', properties: '' })).toBe('a=1')
  })

  it('is not sent if it is empty', () => {
    expect(headers(withValue(background(), baggage.key, new Map()), toApi)).toEqual({})
  })

  it('throws instead of writing what other libraries cannot read', () => {
    expect(() => write('two words', { value: '' })).toThrow('the name of an entry must be an HTTP token')
    expect(() => write('a', { value: '', properties: 'b,c=2' })).toThrow('properties must be ASCII without commas')
    expect(() => write('a', { value: '', properties: 'b\n' })).toThrow(TypeError)
    expect(() => baggage.encode({} as never)).toThrow('baggage must be a Map of entries')
  })

  it('arrives unchanged', () => {
    const name = fc.stringMatching(/^[\w!#$%&'*+.^`|~-]+$/)
    const notOfOneLine = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u
    const value = fc.string({ unit: 'grapheme' }).filter((text) => !notOfOneLine.test(text))
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { minLength: 1, maxLength: 20 }), (entries) => {
        const sent = new Map(entries.map(([name, value]) => [name, { value }]))
        expect(received(headers(withValue(background(), baggage.key, sent), toApi)).baggage).toEqual(sent)
      }),
    )
  })

  it('never fails a request, whatever is sent', () => {
    const octets = fc.string({ unit: fc.constantFrom('a', '=', ';', ',', '%', '"', ' ', '\t', '2', 'é', '\\') })
    const sent = fc.record({ baggage: octets, traceparent: octets, tracestate: octets })
    fc.assert(
      fc.property(sent, (sent) => {
        expect(() => headers(fromHeaders(background(), sent, { values })[0], toApi)).not.toThrow()
      }),
      { numRuns: 1_000 },
    )
  })
})
