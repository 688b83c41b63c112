/** Untrusted headers, of this package and of W3C standards, changed at random. */

import { background, createKey, withTimeout } from 'rescind'
import {
  baggage,
  carry,
  connectTimeout,
  fromHeaders,
  grpcTimeout,
  HeaderError,
  headers,
  timeoutHeader,
  traceparent,
  tracestate,
} from 'rescind/wire'
import type { Random } from './random.ts'
import { isHarmless, Tally } from './tally.ts'
import type { Fuzzer } from './tally.ts'

const requestId = carry(createKey<string>('requestId'), 'x-request-id')
const traces = [traceparent, tracestate, baggage]
const api = 'https://api.example'

/** Valid headers. */
const VALID: Readonly<Record<string, string>> = {
  'rescind-timeout-ms': '5000',
  'connect-timeout-ms': '5000',
  'grpc-timeout': '5000m',
  'x-request-id': 'r-17%20zo%C3%AB',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  tracestate: 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE',
  baggage: 'userId=alice,serverNode=DF%2028;ttl=30;private,isProduction=false',
}

/** In milliseconds: the longest time that reading may take. */
const SLOW = 1_000

export const received: Fuzzer = {
  name: 'headers of a request',
  rounds: 100_000,
  async run(random, rounds) {
    const tally = new Tally()
    for (let round = 0; round < rounds; round++) {
      const [parent, cancel] = withTimeout(background(), 1 + random.below(100_000))
      const limit = random.pick([undefined, 1, 2_000, Infinity])
      const timeout = random.pick([timeoutHeader, connectTimeout, grpcTimeout, null])
      const start = performance.now()
      try {
        const values = [requestId, ...traces]
        const [ctx] = fromHeaders(parent, sent(random), { timeout, limit, values, maxSize: random.pick([200, 16_384]) })
        const longest = Math.min(parent.deadline as number, Date.now() + (limit ?? Infinity))
        tally.assert((ctx.deadline as number) <= longest + 1, 'headers extended the deadline of the parent')
        const id = ctx.value(requestId.key)
        tally.assert(id === undefined || isHarmless(id.slice(0, 999)), `text of several lines: ${String(id)}`)
        tally.count('read')
      } catch (error) {
        judge(error, tally)
      }
      tally.assert(performance.now() - start < SLOW, 'headers took seconds to read')
      cancel()
    }
    return tally
  },
}

export const traced: Fuzzer = {
  name: 'headers of a trace',
  rounds: 100_000,
  async run(random, rounds) {
    const tally = new Tally()
    for (let round = 0; round < rounds; round++) {
      const { traceparent: parent, tracestate: state, baggage: bags } = sent(random)
      const [ctx] = fromHeaders(
        background(),
        { traceparent: parent, tracestate: state, baggage: bags },
        {
          values: traces,
          maxSize: Infinity,
        },
      )
      const found = traces.filter(({ key }) => ctx.value(key as typeof baggage.key) !== undefined)
      tally.count(`${found.length} of 3 read`)
      for (const { value } of ctx.value(baggage.key)?.values() ?? []) {
        tally.assert(isHarmless(value.slice(0, 999)), `baggage of several lines: ${value}`)
      }
      // Values that were read can be sent again.
      headers(ctx, { to: api, allow: [api], values: traces })
    }
    return tally
  },
}

/** Valid headers, some of which are changed, omitted or sent twice. */
function sent(random: Random): Record<string, string | string[]> {
  const record: Record<string, string | string[]> = {}
  for (const [name, value] of Object.entries(VALID)) {
    if (random.chance(0.3)) continue
    let text = value
    for (let changes = random.below(3); changes > 0; changes--) text = random.mutatedText(text)
    record[random.chance(0.1) ? name.toUpperCase() : name] = random.chance(0.05) ? [text, random.text()] : text
  }
  if (random.chance(0.1)) record[random.pick(Object.keys(VALID)).toUpperCase()] = random.text()
  if (random.chance(0.1)) record[random.text()] = random.text()
  return record
}

function judge(error: unknown, tally: Tally): void {
  const isRefusal = error instanceof HeaderError
  tally.count(isRefusal ? `refused with ${error.status}` : 'thrown')
  tally.assert(isRefusal, `not a HeaderError: ${String(error)}`)
  if (!isRefusal) return
  tally.assert(isHarmless(error.message), `unsafe text in a message: ${error.message}`)
  tally.assert(isHarmless(String(error.cause)), `unsafe text in a cause: ${String(error.cause)}`)
}
