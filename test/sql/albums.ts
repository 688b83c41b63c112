/** A Connect service with one method, defined without generated code, and how contexts pass through its calls. */

import { createServer } from 'node:http'
import { create, createFileRegistry } from '@bufbuild/protobuf'
import type { DescMethodUnary, DescService } from '@bufbuild/protobuf'
import {
  file_google_protobuf_wrappers,
  FileDescriptorProtoSchema,
  MethodDescriptorProtoSchema,
  ServiceDescriptorProtoSchema,
  StringValueSchema,
} from '@bufbuild/protobuf/wkt'
import type { StringValue } from '@bufbuild/protobuf/wkt'
import type { CallOptions, ConnectRouter, HandlerContext, Transport } from '@connectrpc/connect'
import { connectNodeAdapter, createConnectTransport } from '@connectrpc/connect-node'
import { background, remaining, withSignal, withTimeout } from 'rescind'
import type { Cancel, Context } from 'rescind'
import { listen, Queue } from '../node/sockets.ts'

/** The options of a Connect call under `ctx`. */
export function callOptions(ctx: Context): CallOptions {
  const ms = remaining(ctx)
  return { signal: ctx.signal, ...(ms !== undefined && { timeoutMs: Math.ceil(ms) }) }
}

/** A context for a Connect handler: ends with the call, and has its deadline. */
function withCall(parent: Context, call: HandlerContext): [ctx: Context, cancel: Cancel] {
  const [timed] = withTimeout(parent, call.timeoutMs() ?? Infinity)
  return withSignal(timed, call.signal)
}

const albums: DescService = (() => {
  const type = '.google.protobuf.StringValue'
  const file = create(FileDescriptorProtoSchema, {
    name: 'albums.proto',
    syntax: 'proto3',
    package: 'albums',
    dependency: ['google/protobuf/wrappers.proto'],
    service: [
      create(ServiceDescriptorProtoSchema, {
        name: 'Albums',
        method: [create(MethodDescriptorProtoSchema, { name: 'Find', inputType: type, outputType: type })],
      }),
    ],
  })
  return createFileRegistry(file, () => file_google_protobuf_wrappers).getService('albums.Albums') as DescService
})()

const find = albums.methods[0] as DescMethodUnary<typeof StringValueSchema, typeof StringValueSchema>

/** The path of the method in Connect's protocol. */
export const findPath: string = `/${albums.typeName}/${find.name}`

type Find = (title: StringValue, call: HandlerContext) => Promise<StringValue>

/** Routes with `handler` as the method. */
export function routes(handler: Find): (router: ConnectRouter) => void {
  return (router) => void router.rpc(find, handler)
}

/** Calls the method. */
export async function ask(transport: Transport, options: CallOptions, title = 'Blue Train'): Promise<string> {
  const { signal, timeoutMs, headers } = options
  const { message } = await transport.unary(find, signal, timeoutMs, headers, { value: title })
  return message.value
}

/** Answers requests that are not calls. */
export type Fallback = (req: unknown, res: { setHeader(name: string, value: string): unknown; end(): unknown }) => void

/** Two servers in a row. */
interface Chain {
  /** The address of the first server. */
  readonly url: string
  /** Connects to the first server. */
  readonly transport: Transport
  /** The contexts of the handlers, the first server's first. */
  readonly contexts: Queue<Context>
}

/**
 * Starts two servers: the first asks the second, which runs `work`.
 *
 * @param root the parent of the second server's contexts
 * @param fallback answers requests to the first server that are not calls
 */
export async function chain(
  work: (ctx: Context, title: string) => Promise<string>,
  root: Context = background(),
  fallback?: Fallback,
): Promise<Chain> {
  const contexts = new Queue<Context>()
  const second = await serve(root, contexts, work)
  const toSecond = createConnectTransport({ baseUrl: second, httpVersion: '1.1' })
  const relay = (ctx: Context, title: string) => ask(toSecond, callOptions(ctx), title)
  const url = await serve(background(), contexts, relay, fallback)
  return { url, transport: createConnectTransport({ baseUrl: url, httpVersion: '1.1' }), contexts }
}

async function serve(
  root: Context,
  contexts: Queue<Context>,
  work: (ctx: Context, title: string) => Promise<string>,
  fallback?: Fallback,
): Promise<string> {
  const handler: Find = async ({ value }, call) => {
    const [ctx, cancel] = withCall(root, call)
    using _ = cancel
    contexts.put(ctx)
    return create(StringValueSchema, { value: await work(ctx, value) })
  }
  const adapter = connectNodeAdapter({ routes: routes(handler), ...(fallback && { fallback }) })
  return `http://localhost:${await listen(createServer(adapter))}`
}
