/**
 * The public list of `rescind/node`: contexts of a server of Node and of its requests.
 *
 * @module rescind/node
 */

export type { Server } from './connections.ts'
export { HeaderError } from '../wire/headers.ts'
export { ClientGone } from './leaving.ts'
export type { ServerRequest, ServerResponse } from './leaving.ts'
export { withRequest } from './request.ts'
export type { RequestOptions } from './request.ts'
export { Shutdown, withShutdown } from './shutdown.ts'
export type { ShutdownOptions } from './shutdown.ts'
export { statusOf } from './status.ts'
