/**
 * The public list of `rescind/wire`: contexts on their way through headers and into workers.
 *
 * @module rescind/wire
 */

export { carry, text } from './carry.ts'
export type { Carried, Codec } from './carry.ts'
export { fromHeaders, HeaderError, headers } from './headers.ts'
export type { FromHeadersOptions, HeadersOptions, IncomingHeaders, WireFormat } from './headers.ts'
export { job, serveJobs, WorkerError } from './job.ts'
export type { JobHandler, JobOptions, JobWorker, ServeOptions } from './job.ts'
export { deserializeError, PortError, serializeError } from './parcel.ts'
export type { SerializedError } from './parcel.ts'
export { fromPort, PortClosed, toPort } from './port.ts'
export type { Port, PortOptions } from './port.ts'
export { connectTimeout, grpcTimeout, timeoutHeader } from './timeouts.ts'
export type { TimeoutHeader } from './timeouts.ts'
export { baggage, traceparent, tracestate } from './trace.ts'
export type { BaggageEntry } from './trace.ts'
