/**
 * Jobs in workers: a message goes to the worker, a result or an error comes back, and the context crosses with it. Each
 * job has two channels of its own, one for its context and one for its messages, so jobs cannot be mixed up, and what
 * belongs to a job ends with it. Every message is checked before anything acts on it. A worker that dies fails its jobs
 * at once.
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

/** Goes up when a message changes its form. The two sides may have different versions of the package. */
const VERSION = 1

/** The worker of a job has died, or could not be loaded. Its own error is in `cause`, where there is one. */
export class WorkerError extends Error {
  override get name(): 'WorkerError' {
    return 'WorkerError'
  }
}

/**
 * What runs jobs: a Worker of the browser or of `node:worker_threads`, or a MessagePort whose other end was given to
 * {@link serveJobs}, such as the `port` of a SharedWorker.
 */
export interface JobWorker {
  postMessage(message: unknown, transfer: never[]): void
}

/** Options of {@link job}. */
export interface JobOptions<Progress> extends PortOptions {
  /** What is transferred with the message rather than cloned. */
  readonly transfer?: readonly Transferable[] | undefined
  /** Called with each value that the handler reports. What it throws is reported as uncaught. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/** Works on the jobs of a worker; see {@link serveJobs}. */
export type JobHandler<Message, Result, Progress> = (
  ctx: Context,
  message: Message,
  progress: (value: Progress, transfer?: readonly Transferable[]) => void,
) => Result | PromiseLike<Result>

/** Options of {@link serveJobs}. */
export interface ServeOptions<Result> extends PortOptions {
  /** What the jobs come through; if left out, what the worker was started by. */
  readonly port?: Port | undefined
  /** The parent of the contexts of all jobs; `background()` if left out. */
  readonly parent?: ContextLike | undefined
  /** What of a result is transferred rather than cloned. */
  readonly transfer?: ((result: Result) => readonly Transferable[]) | undefined
}

/**
 * Runs one job in a worker: `message` goes to the handler that the worker has given to {@link serveJobs}, under a
 * context that ends with `ctx`, as {@link toPort} describes. Several jobs may run on one worker at the same time.
 *
 * A worker that fires `error`, `messageerror` or `exit` fails its jobs with a {@link WorkerError}. Browsers fire
 * nothing after `terminate()`, so cancel `ctx` when you call it. A handler that ignores its context runs on after the
 * job has settled: terminate its worker.
 *
 * @returns resolves to the result of the handler. Rejects with `ctx.err` when `ctx` ends first, with the handler's
 * error as {@link deserializeError} reads it, with a WorkerError, with a {@link PortError} if what the worker sends
 * cannot be read, with a TypeError for a wrong argument, and with `DataCloneError` if `message` cannot be cloned
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
          // WebKit closes a port that was transferred where it has arrived.
          const kept = new Set([ours.port1, ours.port2, theirs.port2])
          leaving.push(() => kept.forEach((port) => port.close()))
          leaving.push(subscribe(ours.port1, (event) => hear(event, resolve, reject, onProgress)))
          leaving.push(watch(worker, reject))
          leaving.push(toPort(context, theirs.port1, { ...options, label }))
          // First what may not be cloned. It waits in the channel until that has arrived.
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

/** Takes one message of a worker about a job. */
function hear<Result, Progress>(
  { type, data }: MessageEvent<unknown>,
  resolve: (result: Result) => void,
  reject: (error: unknown) => void,
  onProgress: ((progress: Progress) => void) | undefined,
): void {
  if (type === 'close') return reject(new WorkerError('the worker is gone', { cause: PortClosed }))
  if (type === 'messageerror') return reject(new PortError('what the worker has sent cannot be read'))
  const { rescind, error, value } = fieldsOf(data)
  if (rescind === 'progress') attempt(() => onProgress?.(value as Progress))
  else if (rescind === 'result') resolve(value as Result)
  else if (rescind === 'error') reject(deserializeError(error))
  else if (rescind !== undefined) reject(new PortError('a message of a job is of no kind'))
}

interface Fields {
  readonly [field: string]: unknown
}

/** None for what has no tag of ours: it is ignored. */
function fieldsOf(data: unknown): Fields {
  return isObject(data) ? (data as Fields) : {}
}

/** Workers of both kinds, which say in different ways that they have died. */
interface MortalWorker {
  /** Of Node; -1 once the thread has ended. */
  readonly threadId?: number
  on?(type: string, listener: (detail: unknown) => void): unknown
  off?(type: string, listener: (detail: unknown) => void): unknown
  addEventListener?(type: string, listener: (event: Event) => void): void
  removeEventListener?(type: string, listener: (event: Event) => void): void
}

/** The jobs of a worker. One listener serves all of them: Node warns of eleven. */
interface Watch {
  readonly jobs: Set<(error: WorkerError) => void>
  readonly unlisten: () => void
}

const watches = /* @__PURE__ */ new WeakMap<object, Watch>()

/** Calls `fail` when `worker` dies, until what it returns is called. */
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
      const cause = isObject(detail) && 'error' in detail ? (detail.error ?? undefined) : detail
      die(new WorkerError(`the worker has failed${reason(detail)}`, { cause }))
    },
    messageerror: () => die(new WorkerError('a message of the worker cannot be read')),
    exit: (code) => die(new WorkerError(`the worker has ended with code ${String(code)}`)),
  }
  const [add, remove] = worker.on ? (['on', 'off'] as const) : (['addEventListener', 'removeEventListener'] as const)
  for (const [type, listener] of Object.entries(listeners)) worker[add]?.(type, listener)
  return () => {
    for (const [type, listener] of Object.entries(listeners)) worker[remove]?.(type, listener)
  }
}

/**
 * Answers the jobs of a worker: calls `handler` for each, and sends back what it returns or the error it fails with.
 * The handler's context ends as the one given to {@link job} does; `progress` sends a value to `onProgress`. Jobs run
 * at the same time, unless the handler computes without a pause: let it `await pause(ctx)`, or poll `ctx.err` where
 * threads share memory. Call this before the first `await` of the worker's module, or the first jobs may be lost.
 *
 * What arrives is checked: a job that cannot be read fails with a {@link PortError}, and other messages are ignored.
 *
 * @returns `stop`: ends the contexts of all jobs, and takes no more; a thread of Node may end then
 * @throws TypeError if `handler` is not a function, an option is wrong, or there is no `port` outside of a worker
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
 *   { port: port2 }, // left out in a worker
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
  if (!port) throw new TypeError('rescind: port must be given outside of a worker')
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
    const leave = subscribe(job, ({ type, data }) => {
      leave()
      if (type === 'close') return
      const { context, message, rescind } = fieldsOf(data)
      if (type !== 'message' || rescind !== 'run' || !isPort(context)) return refuse('the job cannot be read')
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

/** What this worker was started by; undefined outside of a worker. */
function ownPort(): EventPort | undefined {
  const { WorkerGlobalScope, process } = globalThis as WorkerGlobals
  const parentPort = process?.getBuiltinModule?.('node:worker_threads').parentPort
  return parentPort ?? (WorkerGlobalScope ? (globalThis as object as EventPort) : undefined)
}
