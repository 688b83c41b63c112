/** The public list of `rescind/node`: contexts of a server of Node and of its requests. */

export type { Server } from './connections.ts'
export { HeaderError } from './headers.ts'
export { ClientGone, withRequest } from './request.ts'
export type { RequestOptions, ServerRequest, ServerResponse } from './request.ts'
export { Shutdown, withShutdown } from './shutdown.ts'
export type { ShutdownOptions } from './shutdown.ts'
