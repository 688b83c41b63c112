/**
 * Contexts in existing systems: Connect and gRPC calls through several servers, servers made of `Request` and
 * `Response`, and the spans of OpenTelemetry. The recipes are the first functions; the tests run them for real.
 */

import { createServer } from 'node:http'
import * as http2 from 'node:http2'
import { Code, ConnectError } from '@connectrpc/connect'
import type { CallOptions, HandlerContext, Transport } from '@connectrpc/connect'
import { connectNodeAdapter, createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node'
import { ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api'
import type { Span, SpanContext, Tracer } from '@opentelemetry/api'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import {
  afterFunc,
  background,
  cause,
  createKey,
  isDeadlineExceeded,
  remaining,
  sleep,
  until,
  withCancel,
  withSignal,
  withTimeout,
  withValue,
} from 'rescind'
import type { Context, Work } from 'rescind'
import { ClientGone, withRequest } from 'rescind/node'
import { fakeClock } from 'rescind/testing'
import { carry, connectTimeout, fromHeaders, grpcTimeout, HeaderError, headers, traceparent } from 'rescind/wire'
import type { TimeoutHeader } from 'rescind/wire'
import { describe, expect, it } from 'vitest'
import { ask, callOptions, chain, routes } from '../sql/albums.ts'
import { outcome } from '../support.ts'
import { cleanUp, ended, listen, Queue } from './sockets.ts'

/** Traces `work` in a span, which records the cause if `ctx` ends first. */
async function traced<T>(ctx: Context, tracer: Tracer, name: string, work: Work<T>): Promise<T> {
  const span = tracer.startSpan(name, {}, trace.setSpanContext(ROOT_CONTEXT, spanContextOf(ctx)))
  const stop = afterFunc(ctx, () => {
    span.recordException(cause(ctx) as Error)
    span.setStatus({ code: SpanStatusCode.ERROR, message: String(ctx.err?.message) })
    span.end()
  })
  try {
    return await until(withSpan(ctx, span), work)
  } finally {
    if (stop()) span.end()
  }
}

function withSpan(ctx: Context, span: Span): Context {
  const { traceId, spanId, traceFlags } = span.spanContext()
  return withValue(ctx, traceparent.key, `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`)
}

function spanContextOf(ctx: Context): SpanContext {
  const [, traceId = '', spanId = '', traceFlags = '00'] = ctx.value(traceparent.key)?.split('-') ?? []
  return { traceId, spanId, traceFlags: parseInt(traceFlags, 16), isRemote: true }
}

/** The work of the last server. */
async function wait(ctx: Context, title: string): Promise<string> {
  await sleep(ctx, Infinity)
  return title
}

/** A call in any protocol, and the context that the server reads from its headers. */
async function call(transport: (baseUrl: string) => Transport, options: CallOptions, timeout: TimeoutHeader) {
  const contexts = new Queue<Context>()
  const calls = new Queue<HandlerContext>()
  const adapter = connectNodeAdapter({
    routes: routes((title, call) => {
      calls.put(call)
      return Promise.resolve(title)
    }),
  })
  const server = http2.createServer((req, res) => {
    contexts.put(withRequest(background(), req, res, { timeout })[0])
    adapter(req, res)
  })
  const answer = await ask(transport(`http://localhost:${await listen(server)}`), options)
  expect(answer).toBe('Blue Train')
  const [ctx, handled] = await Promise.all([contexts.next(), calls.next()])
  await ended(ctx)
  expect(ctx.err?.cause).toBeUndefined()
  return { deadline: ctx.deadline, timeoutMs: handled.timeoutMs() }
}

const connect = (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: '2' })
const grpc = (baseUrl: string) => createGrpcTransport({ baseUrl })

/** Serves a function from Request to Response as runtimes and frameworks do. */
async function serveFetch(fetch: (request: Request) => Promise<Response>): Promise<string> {
  const server = createServer(async (req, res) => {
    const gone = new AbortController()
    res.once('close', () => gone.abort())
    const request = new Request(`http://localhost${req.url}`, {
      headers: req.headers as Record<string, string>,
      signal: gone.signal,
    })
    const response = await fetch(request)
    res.writeHead(response.status).end(await response.text())
  })
  return `http://localhost:${await listen(server)}`
}

function tracing() {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  cleanUp(() => provider.shutdown())
  return { exporter, tracer: provider.getTracer('albums') }
}

describe('a Connect call through two servers', () => {
  it('is canceled on the last when it is canceled on the first', async () => {
    const { contexts, transport } = await chain(wait)
    const [ctx, cancel] = withCancel(background())
    const answer = outcome(ask(transport, callOptions(ctx)))
    const [first, second] = (await contexts.take(2)) as [Context, Context]
    expect([first.err, second.err]).toEqual([undefined, undefined])
    cancel('left')
    await Promise.all([ended(first), ended(second)])
    expect([first.err?.name, second.err?.name]).toEqual(['AbortError', 'AbortError'])
    expect(ConnectError.from(answer.error).code).toBe(Code.Canceled)
  })

  it("has the deadline of the first everywhere, in Connect's header", async () => {
    const { contexts, transport } = await chain(wait)
    const [ctx, cancel] = withTimeout(background(), 60_000)
    const answer = outcome(ask(transport, callOptions(ctx)))
    const [first, second] = (await contexts.take(2)) as [Context, Context]
    for (const { deadline } of [first, second]) {
      expect(deadline).toBeGreaterThan(Date.now() + 30_000)
      expect(deadline).toBeLessThan((ctx.deadline ?? 0) + 10_000)
    }
    cancel()
    await Promise.all([ended(first), ended(second)])
    expect(answer.settled).toBe(true)
  })

  it('ends on the last at the deadline of the first, without a cancel', async () => {
    const clock = fakeClock(0)
    const { contexts, transport } = await chain(wait, clock.root)
    const answer = ask(transport, { timeoutMs: 60_000 })
    const [first, second] = (await contexts.take(2)) as [Context, Context]
    expect(first.err).toBeUndefined()
    await clock.advance(60_000)
    expect(isDeadlineExceeded(second.err)).toBe(true)
    await expect(answer).rejects.toBeInstanceOf(ConnectError)
  })
})

describe('the headers of existing systems', () => {
  it.each<[name: string, transport: typeof connect, timeout: TimeoutHeader]>([
    ['connect-timeout-ms', connect, connectTimeout],
    ['grpc-timeout', grpc, grpcTimeout],
  ])('%s is read by us as it is written by them', async (_, transport, timeout) => {
    const { deadline } = await call(transport, { timeoutMs: 60_000 }, timeout)
    expect(deadline).toBeGreaterThan(Date.now() + 30_000)
    expect(deadline).toBeLessThanOrEqual(Date.now() + 60_000)
  })

  it.each<[name: string, transport: typeof connect, timeout: TimeoutHeader]>([
    ['connect-timeout-ms', connect, connectTimeout],
    ['grpc-timeout', grpc, grpcTimeout],
  ])('%s is read by them as it is written by us', async (_, transport, timeout) => {
    const [ctx, cancel] = withTimeout(background(), 60_000)
    const sent = headers(ctx, { to: 'http://localhost', allow: () => true, timeout })
    const { timeoutMs } = await call(transport, { headers: sent }, timeout)
    expect(timeoutMs).toBeGreaterThan(30_000)
    expect(timeoutMs).toBeLessThanOrEqual(60_000)
    cancel()
  })
})

describe('a server made of Request and Response', () => {
  const requestId = carry(createKey<string>('requestId'), 'x-request-id')

  it('ends its work when the client leaves', async () => {
    const contexts = new Queue<Context>()
    const url = await serveFetch(async (request) => {
      const [ctx, cancel] = withSignal(background(), request.signal)
      using _ = cancel
      contexts.put(ctx)
      const err = await sleep(ctx, Infinity).catch((error: unknown) => error)
      return new Response(String(err), { status: 499 })
    })
    const controller = new AbortController()
    const answer = outcome(fetch(url, { signal: controller.signal }))
    const ctx = await contexts.next()
    expect(ctx.err).toBeUndefined()
    controller.abort()
    expect(await ended(ctx)).toMatchObject({ name: 'AbortError' })
    expect(ctx.err?.name).toBe('AbortError')
    expect(answer.settled).toBe(true)
  })

  it('has the deadline and the values, and answers invalid headers with their status', async () => {
    const url = await serveFetch(async (request) => {
      const [following, leave] = withSignal(background(), request.signal)
      using _ = leave
      try {
        const [ctx] = fromHeaders(following, request.headers, { limit: 30_000, values: [requestId] })
        return new Response(`${ctx.value(requestId.key)} ${Math.ceil((remaining(ctx) ?? 0) / 1_000)}`)
      } catch (error) {
        return new Response('', { status: error instanceof HeaderError ? error.status : 500 })
      }
    })
    const [ctx, cancel] = withTimeout(withValue(background(), requestId.key, 'r-17'), 20_000)
    const sent = headers(ctx, { to: url, allow: [url], values: [requestId] })
    expect(await (await fetch(url, { headers: sent })).text()).toBe('r-17 20')
    expect(await (await fetch(url)).text()).toBe('undefined 30')
    expect((await fetch(url, { headers: { 'rescind-timeout-ms': 'soon' } })).status).toBe(400)
    cancel()
  })
})

describe('a span', () => {
  it('ends with the cause when its context ends', async () => {
    const { exporter, tracer } = tracing()
    const [ctx, cancel] = withCancel(background())
    const work = traced(ctx, tracer, 'find', (inner) => sleep(inner, Infinity))
    expect(exporter.getFinishedSpans()).toHaveLength(0)
    cancel(ClientGone)
    await expect(work).rejects.toBe(ctx.err)
    const [span] = exporter.getFinishedSpans()
    expect(span?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'context canceled: the client has gone' })
    expect(span?.events[0]).toMatchObject({
      name: 'exception',
      attributes: { 'exception.type': 'ClientGone', 'exception.message': 'the client has gone' },
    })
    expect(exporter.getFinishedSpans()).toHaveLength(1)
  })

  it('ends once, without a cause, when its work completes in time', async () => {
    const { exporter, tracer } = tracing()
    const [ctx, cancel] = withCancel(background())
    expect(await traced(ctx, tracer, 'find', () => 'Blue Train')).toBe('Blue Train')
    cancel(ClientGone)
    await ended(ctx)
    const spans = exporter.getFinishedSpans()
    expect(spans.map(({ status, events }) => [status.code, events.length])).toEqual([[SpanStatusCode.UNSET, 0]])
  })

  it('of a server belongs to the trace of the client, and both end when the client cancels', async () => {
    const { exporter, tracer } = tracing()
    const contexts = new Queue<Context>()
    const server = createServer((req, res) => {
      const [ctx] = withRequest(background(), req, res, { values: [traceparent] })
      contexts.put(ctx)
      void outcome(traced(ctx, tracer, 'handle', (inner) => sleep(inner, Infinity)))
    })
    const url = `http://localhost:${await listen(server)}`
    const [ctx, cancel] = withCancel(background())
    const answer = outcome(
      traced(ctx, tracer, 'ask', (inner) => {
        const sent = headers(inner, { to: url, allow: [url], values: [traceparent] })
        return fetch(url, { signal: inner.signal, headers: sent })
      }),
    )
    const handled = await contexts.next()
    cancel('left')
    expect(await ended(handled)).toBe(ClientGone)
    expect(answer.error).toBe(ctx.err)
    const [asked, served] = exporter.getFinishedSpans()
    expect([asked?.name, served?.name]).toEqual(['ask', 'handle'])
    expect(served?.spanContext().traceId).toBe(asked?.spanContext().traceId)
    expect(served?.parentSpanContext?.spanId).toBe(asked?.spanContext().spanId)
    expect(served?.events[0]?.attributes).toMatchObject({ 'exception.type': 'ClientGone' })
  })
})
