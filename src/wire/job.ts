/**
 * Jobs in workers: a message and a context go to the worker, and a result or an error comes back. Each job has two
 * channels, one for its context and one for its messages, so messages of different jobs cannot be confused, and closing
 * the channels releases everything. Every message is checked before it is used. If a worker dies, its jobs fail at
 * once, except those whose results it has sent.
 */

import { assertFunction, assertOptions, invalid, isObject } from '../arguments.ts'
import { afterFunc } from '../callbacks.ts'
import { background, contextOf, withCancel } from '../context.ts'
import type { Cancel, Context, ContextLike } from '../context.ts'
import { reason } from '../errors.ts'
import { attempt } from '../listeners.ts'
import { deserializeError, PortError, serializeError } from './parcel.ts'
import { fromPort, isPort, PortClosed, subscribe, toPort } from './port.ts'
import type { EventPort, Port, PortOptions } from './port.ts'
import { wait } from '../tasks.ts'
import { turn } from '../turn.ts'

/** Increased when the format of a message changes: the two sides may have different versions of the package. */
const VERSION = 1

/** The error of a job whose worker has died or could not be loaded. `cause` is the worker's error, if there is one. */
export class WorkerError extends Error {
  override get name(): 'WorkerError' {
    return 'WorkerError'
  }
}

/**
 * Runs jobs: a Worker of the browser or of `node:worker_threads`, or a MessagePort whose other end was passed to
 * {@link serveJobs}, such as the `port` of a SharedWorker.
 */
export interface JobWorker {
  postMessage(message: unknown, transfer: never[]): void
}

/** Options of {@link job}. */
export interface JobOptions<Progress> extends PortOptions {
  /** Objects in the message that are transferred instead of cloned. */
  readonly transfer?: readonly Transferable[] | undefined
  /** Called with each value that the handler reports. An error that it throws is reported as uncaught. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/** Handles the jobs of a worker; see {@link serveJobs}. */
export type JobHandler<Message, Result, Progress> = (
  ctx: Context,
  message: Message,
  progress: (value: Progress, transfer?: readonly Transferable[]) => void,
) => Result | PromiseLike<Result>

/** Options of {@link serveJobs}. */
export interface ServeOptions<Result> extends PortOptions {
  /** The port on which jobs arrive; by default, that of the code that started the worker. */
  readonly port?: Port | undefined
  /** The parent of the contexts of all jobs; by default `background()`. */
  readonly parent?: ContextLike | undefined
  /** Returns the objects in a result that are transferred instead of cloned. */
  readonly transfer?: ((result: Result) => readonly Transferable[]) | undefined
}

/**
 * Runs one job in a worker: calls the handler that the worker passed to {@link serveJobs} with `message` and a context
 * that ends with `ctx`, as {@link toPort} describes. Several jobs may run on one worker at the same time.
 *
 * When a worker fires `error`, `messageerror` or `exit`, its jobs fail with a {@link WorkerError}, except those whose
 * results arrive in the same turn. Browsers fire no event after `terminate()`, so cancel `ctx` when you call it. A
 * handler that ignores its context continues after the job has settled; terminate the worker to stop it.
 *
 * @returns resolves to the result of the handler. Rejects with `ctx.err` when `ctx` ends first, with the handler's
 * error as {@link deserializeError} reads it, with a WorkerError, with a {@link PortError} if a message of the worker
 * is invalid, with a TypeError for a wrong argument, and with `DataCloneError` if `message` cannot be cloned
 * @example
 * const { port1, port2 } = new MessageChannel() // or a Worker
 * const stop = serveJobs((_, numbers: number[]) => Math.max(...numbers), { port: port2 }) // in the worker
 * await job<number>(background(), port1, [2, 3, 1]) // => 3
 * stop()
 * port1.close()
 */
export async function job<Result = unknown, Progress = unknown>(
  ctx: ContextLike,
  worker: JobWorker,
  message: unknown,
  options: JobOptions<Progress> = {},
): Promise<Result> {
  const context = contextOf(ctx)
  if (typeof worker?.postMessage !== 'function') throw invalid('worker', 'a Worker or a MessagePort', worker)
  assertOptions(options)
  const { label = 'job', onProgress, transfer = [] } = options
  if (onProgress !== undefined) assertFunction('onProgress', onProgress)
  if (!Array.isArray(transfer)) throw invalid('transfer', 'a list', transfer)
  const leaving: (() => void)[] = []
  try {
    return await wait(
      context,
      'job',
      () =>
        new Promise<Result>((resolve, reject) => {
          const ours = new MessageChannel()
          const theirs = new MessageChannel()
          // Not the ports that were transferred: in WebKit, closing one here also closes it in the worker.
          const kept = new Set([ours.port1, ours.port2, theirs.port2])
          leaving.push(() => kept.forEach((port) => port.close()))
          let death: WorkerError | undefined
          const fail = (error: WorkerError) => {
            death ??= error
            // A result that the worker sent before may arrive in the same turn.
            void turn().then(() => reject(death))
          }
          leaving.push(subscribe(ours.port1, (event) => hear(event, { resolve, reject, fail, onProgress })))
          leaving.push(watch(worker, fail))
          leaving.push(toPort(context, theirs.port1, { ...options, label }))
          // Send the message first, since cloning it may throw. The channel keeps it until the worker has its port.
          send(ours.port1, { rescind: 'run', context: theirs.port2, message }, [theirs.port2, ...transfer])
          kept.delete(theirs.port2)
          worker.postMessage({ rescind: 'job', version: VERSION, port: ours.port2 }, [ours.port2 as never])
          kept.delete(ours.port2)
        }),
    )
  } finally {
    for (const leave of leaving.toReversed()) leave()
  }
}

/** What the events of a job's port lead to. */
interface Hearing<Result, Progress> {
  resolve(result: Result): void
  reject(error: unknown): void
  /** Rejects unless a result arrives before the next turn. The first error counts. */
  fail(error: WorkerError): void
  readonly onProgress: ((progress: Progress) => void) | undefined
}

/** Handles one event of a job's port. */
function hear<Result, Progress>(
  { type, data }: MessageEvent<unknown>,
  { resolve, reject, fail, onProgress }: Hearing<Result, Progress>,
): void {
  if (type === 'close') return fail(new WorkerError('the worker has closed the port', { cause: PortClosed }))
  if (type === 'messageerror') return reject(new PortError('a message of the worker cannot be deserialized'))
  const { rescind, error, value } = fieldsOf(data)
  if (rescind === 'progress') attempt(() => onProgress?.(value as Progress))
  else if (rescind === 'result') resolve(value as Result)
  else if (rescind === 'error') reject(deserializeError(error))
  else if (rescind !== undefined) reject(new PortError('a message of a job is of unknown kind'))
}

interface Fields {
  readonly [field: string]: unknown
}

/** The fields of a message; none if it is not an object. */
function fieldsOf(data: unknown): Fields {
  return isObject(data) ? (data as Fields) : {}
}

/** The parts of both kinds of workers, of browsers and of Node, that tell when a worker has died. */
interface MortalWorker {
  /** In Node only; -1 once the thread has ended. */
  readonly threadId?: number
  on?(type: string, listener: (detail: unknown) => void): unknown
  off?(type: string, listener: (detail: unknown) => void): unknown
  addEventListener?(type: string, listener: (event: Event) => void): void
  removeEventListener?(type: string, listener: (event: Event) => void): void
}

/** The jobs of a worker. They share one listener for each event: Node warns about eleven. */
interface Watch {
  readonly jobs: Set<(error: WorkerError) => void>
  readonly unlisten: () => void
}

const watches = /* @__PURE__ */ new WeakMap<object, Watch>()

/** Calls `fail` when `worker` dies, until the returned function is called. */
function watch(worker: JobWorker & MortalWorker, fail: (error: WorkerError) => void): () => void {
  if (worker.threadId === -1) throw new WorkerError('the worker has ended')
  let watch = watches.get(worker)
  if (!watch) {
    const jobs = new Set<(error: WorkerError) => void>()
    watch = { jobs, unlisten: onDeath(worker, (error) => jobs.forEach((fail) => fail(error))) }
    watches.set(worker, watch)
  }
  const { jobs, unlisten } = watch
  jobs.add(fail)
  return () => {
    jobs.delete(fail)
    if (jobs.size > 0) return
    unlisten()
    watches.delete(worker)
  }
}

function onDeath(worker: MortalWorker, die: (error: WorkerError) => void): () => void {
  const listeners: Readonly<Record<string, (detail: unknown) => void>> = {
    error(detail) {
      // An error of Node may have a property `error`, too. An event has none if the script could not be loaded.
      const cause = worker.on ? detail : ((detail as ErrorEvent).error ?? undefined)
      die(new WorkerError(`the worker has failed${reason(detail)}`, { cause }))
    },
    messageerror: () => die(new WorkerError('a message of the worker cannot be deserialized')),
    exit: (code) => die(new WorkerError(`the worker has ended with code ${String(code)}`)),
  }
  const [add, remove] = worker.on ? (['on', 'off'] as const) : (['addEventListener', 'removeEventListener'] as const)
  for (const [type, listener] of Object.entries(listeners)) worker[add]?.(type, listener)
  return () => {
    for (const [type, listener] of Object.entries(listeners)) worker[remove]?.(type, listener)
  }
}

/**
 * Serves the jobs of a worker: calls `handler` for each, and sends back its result or its error. The handler's context
 * ends together with the one passed to {@link job}; `progress` sends a value to `onProgress`. Call it before the first
 * `await` in the worker's module, or the first jobs may be lost.
 *
 * Jobs run concurrently. A handler that computes for long should `await pause(ctx)` regularly, or poll `ctx.err` if
 * threads share memory: otherwise it blocks other jobs and does not see its own cancel.
 *
 * Messages are checked: an invalid job fails with a {@link PortError}, and other messages are ignored.
 *
 * @returns `stop`, which ends the contexts of all jobs and accepts no further ones; a thread of Node can then exit
 * @throws TypeError if `handler` is not a function, an option is invalid, or `port` is missing outside of a worker
 * @example
 * const { port1, port2 } = new MessageChannel()
 * const stop = serveJobs(
 *   async (ctx, count: number, progress: (done: number) => void) => {
 *     for (let done = 0; done < count; done++) {
 *       await pause(ctx)
 *       progress(done)
 *     }
 *     return 'done'
 *   },
 *   { port: port2 }, // omit it in a worker
 * )
 * const seen: number[] = []
 * await job(background(), port1, 3, { onProgress: (done: number) => void seen.push(done) }) // => 'done'
 * seen // => [0, 1, 2]
 * stop()
 * port1.close()
 */
export function serveJobs<Message = unknown, Result = unknown, Progress = unknown>(
  handler: JobHandler<Message, Result, Progress>,
  options: ServeOptions<Result> = {},
): Cancel {
  assertFunction('handler', handler)
  assertOptions(options)
  const { parent = background(), port = ownPort(), transfer, ...rest } = options
  if (transfer !== undefined) assertFunction('transfer', transfer)
  if (!port) throw new TypeError('rescind: port is required outside of a worker')
  if (options.port !== undefined && !isPort(port)) throw invalid('port', 'a MessagePort', port)
  const [serving, stop] = withCancel(parent, { label: 'jobs' })
  const perform = async (job: EventPort, context: Port, message: Message) => {
    try {
      const [ctx, cancel] = await fromPort(serving, context, { ...rest, label: rest.label ?? 'job' })
      try {
        const result = await handler(ctx, message, (value, list = []) => {
          send(job, { rescind: 'progress', value }, list)
        })
        send(job, { rescind: 'result', value: result }, transfer?.(result))
      } finally {
        cancel()
      }
    } catch (error) {
      send(job, { rescind: 'error', error: serializeError(error) })
    } finally {
      job.close()
    }
  }
  const take = (job: EventPort, version: unknown) => {
    const refuse = (what: string) => {
      send(job, { rescind: 'error', error: serializeError(new PortError(what)) })
      job.close()
    }
    if (version !== VERSION) return refuse('the two sides have different versions of rescind')
    const leave = subscribe(job, ({ data }) => {
      leave()
      // Other events than a message have no fields: the job is refused, unless its port is closed already.
      const { context, message, rescind } = fieldsOf(data)
      if (rescind !== 'run' || !isPort(context)) return refuse('the job is invalid')
      void perform(job, context, message as Message)
    })
  }
  const unlisten = subscribe(port as EventPort, ({ data }) => {
    const { rescind, port: job, version } = fieldsOf(data)
    if (rescind === 'job' && isPort(job)) take(job, version)
  })
  afterFunc(serving, unlisten)
  return stop
}

function send(port: Port, message: object, transfer: readonly Transferable[] = []): void {
  ;(port as MessagePort).postMessage(message, [...transfer])
}

interface WorkerGlobals {
  readonly WorkerGlobalScope?: unknown
  readonly process?: { getBuiltinModule?(name: 'node:worker_threads'): { readonly parentPort: EventPort | null } }
}

/** The port to the code that started this worker; undefined outside of a worker. */
function ownPort(): EventPort | undefined {
  const { WorkerGlobalScope, process } = globalThis as WorkerGlobals
  const parentPort = process?.getBuiltinModule?.('node:worker_threads').parentPort
  return parentPort ?? (WorkerGlobalScope ? (globalThis as object as EventPort) : undefined)
}
