/**
 * The timed workloads. A workload is one function for all contenders. It checks its effect, since a contender that ends
 * nothing would be the fastest. All calls go through the interface of the contender: this costs each contender the same
 * few nanoseconds, and keeps the engine from optimizing the work away.
 */

import { background, createKey, withCancel, withSignal, withValue } from 'rescind'
import type { Context, Key } from 'rescind'
import { others, peers, subject } from './contenders.ts'
import type { Contender } from './contenders.ts'
import { clock, compare, metric } from './measure.ts'
import type { Case, Metrics, Pace, Phases } from './measure.ts'

const SUBJECT = subject.name

export const DERIVE = 'derive + cancel'
export const LIMIT = 'derive with timeout + cancel'
export const LIMIT_APART = 'one timeout a turn, derive + cancel'
export const LIMIT_LATER = 'one timeout a turn, cancel a turn later'
export const WIDE = '1,000 children with a listener each'
export const DEEP = 'chain of 100'
export const PENDING = '10,000 pending timeouts, create'
export const PENDING_CANCEL = '10,000 pending timeouts, cancel each'
export const PENDING_CANCEL_SOONEST = '10,000 pending timeouts, soonest first'
export const OLD_CANCEL = '10,000 timeouts after a first expiry, cancel each'
export const OLD_CANCEL_SOONEST = '10,000 timeouts after a first expiry, soonest first'
export const ERR = 'has it ended: a live context'
export const ERR_LIMITED = 'has it ended: a deadline in sight'
export const NESTED = 'nested withSignal, a derive at depth 3,000'
export const COLD = 'derive + cancel, the first 1,000 of a process'
/** A phase that another workload has already measured. */
const AGAIN = 'again'
export const SIBLINGS = 'derive + cancel beside 10,000 siblings'
export const SIGNAL = 'derive + read signal + cancel'
export const TREE = 'tree of 1,000'
export const LOOKUPS: readonly (readonly [workload: string, depth: number])[] = [
  ['value at depth 10', 10],
  ['value at depth 100', 100],
]
export const BARE_CONTROLLER = 'new AbortController().abort(reason)'

type Workload = (contender: Contender<unknown, unknown>) => Case['run']

/** What rescind and each of the others do: the names of the phases, and the work. */
const SHARED: readonly (readonly [phases: readonly string[], workload: Workload])[] = [
  [[DERIVE], (contender) => deriveAndCancel(contender)],
  [[LIMIT], limitAndCancel],
  [[LIMIT_APART], (contender) => limitInTurns(contender, false)],
  [[LIMIT_LATER], (contender) => limitInTurns(contender, true)],
  [[WIDE], wide],
  [[DEEP], deep],
  [[PENDING, PENDING_CANCEL], (contender) => pending(contender, 7_919, false)],
  [[AGAIN, PENDING_CANCEL_SOONEST], (contender) => pending(contender, 1, false)],
  [[ERR], (contender) => read(contender, false)],
  [[ERR_LIMITED], (contender) => read(contender, true)],
]

/** The same for peers only: signals take too long. */
const WITH_PEERS: typeof SHARED = [
  [[AGAIN, OLD_CANCEL], (contender) => pending(contender, 7_919, true)],
  [[AGAIN, OLD_CANCEL_SOONEST], (contender) => pending(contender, 1, true)],
]

/** What rescind also does alone, to be compared with Go. */
const ALONE: readonly (readonly [workload: string, run: Case['run']])[] = [
  [DERIVE, deriveAndCancel(subject)],
  [TREE, tree],
  ...LOOKUPS.map(([workload, depth]) => [workload, lookup(depth)] as const),
]

/** Runs the workloads that `isAsked` accepts. `AbortSignal.any` comes late, since its garbage takes long to collect. */
export async function time(isAsked: (workload: string) => boolean, pace?: Pace): Promise<Metrics> {
  const metrics: Metrics = {}
  for (const [workload, run] of ALONE) {
    if (isAsked(workload)) metrics[metric(workload, SUBJECT)] = await clock({ name: workload, run }, pace)
  }
  for (const other of others.toReversed()) {
    for (const [phases, workload] of peers.includes(other) ? [...SHARED, ...WITH_PEERS] : SHARED) {
      if (!phases.some(isAsked)) continue
      const times = await compare(caseOf(subject, workload), caseOf(other, workload), pace)
      for (const [index, phase] of phases.entries()) metrics[metric(phase, other.name)] = times[index] ?? NaN
    }
  }
  for (const contender of isAsked(SIBLINGS) ? [subject, ...others.toReversed()] : []) {
    const [times = NaN] = await compare(
      caseOf(contender, deriveBeside(100)),
      caseOf(contender, deriveBeside(10_000)),
      pace,
    )
    metrics[metric(SIBLINGS, contender.name)] = times
  }
  if (isAsked(SIGNAL)) {
    const [times = NaN] = await compare({ name: BARE_CONTROLLER, run: abort }, { name: SUBJECT, run: readSignal }, pace)
    metrics[metric(SIGNAL, BARE_CONTROLLER)] = times
  }
  if (isAsked(NESTED)) {
    const [times = NaN] = await compare({ name: '100', run: nested(100) }, { name: '3,000', run: nested(3_000) }, pace)
    metrics[metric(NESTED, SUBJECT)] = times
  }
  return metrics
}

/**
 * Times the first contexts of a process, before any code is compiled, as in a page that has just loaded. Call it in a
 * new process. The best of several runs counts, since other load on the machine can only make a run slower.
 */
export function cold(name: string): Promise<Metrics> {
  const contender = [subject, ...others].find((one) => one.name === name) ?? subject
  const [ms = NaN] = deriveAndCancel(contender)(1_000) as Phases
  return Promise.resolve({ [metric(COLD, name)]: ms })
}

function caseOf(contender: Contender<unknown, unknown>, workload: Workload): Case {
  return { name: contender.name, run: workload(contender) }
}

function deriveAndCancel<Ctx, Child>(contender: Contender<Ctx, Child>, root: Child = contender.root()): Case['run'] {
  const parent = contender.context(root)
  return (count) => {
    let child = root
    const start = performance.now()
    for (let index = 0; index < count; index++) {
      child = contender.derive(parent)
      contender.cancel(child)
    }
    const elapsed = performance.now() - start
    check(contender.ended(contender.context(child)) && !contender.ended(parent))
    return [elapsed]
  }
}

function deriveBeside(siblings: number): Workload {
  return (contender) => {
    const root = contender.root()
    const alive = Array.from({ length: siblings }, () => contender.derive(contender.context(root)))
    const run = deriveAndCancel(contender, root)
    return (count) => {
      const phases = run(count)
      check(!alive.some((child) => contender.ended(contender.context(child))))
      return phases
    }
  }
}

/**
 * Node keeps a list of timers for each length. A new timer takes half the time if there is a list for its length, or a
 * timer that is due earlier. To exclude both, the timers of each sample are shorter than all before.
 */
let timeout = 100_000_000

/** Many within one turn: rescind has one platform timer for all, and sets it only once in a turn. */
function limitAndCancel<Ctx, Child>(contender: Contender<Ctx, Child>): Case['run'] {
  const root = contender.root()
  const parent = contender.context(root)
  return (count) => {
    let child = root
    const ms = (timeout -= 1_000)
    const start = performance.now()
    for (let index = 0; index < count; index++) {
      child = contender.limit(parent, ms)
      contender.cancel(child)
    }
    const elapsed = performance.now() - start
    check(contender.ended(contender.context(child)) && !contender.ended(parent))
    return [elapsed]
  }
}

/**
 * One in each turn, as in a page that sends a request now and then. If it is canceled in that turn, rescind sets no
 * platform timer. If the cancel comes later, each contender sets and clears one.
 */
function limitInTurns<Ctx, Child>(contender: Contender<Ctx, Child>, isLater: boolean): Case['run'] {
  const root = contender.root()
  const parent = contender.context(root)
  return async (count) => {
    let child = root
    const ms = (timeout -= 1_000)
    const start = performance.now()
    for (let index = 0; index < count; index++) {
      child = contender.limit(parent, ms)
      if (isLater) await undefined
      contender.cancel(child)
      await undefined
    }
    const elapsed = performance.now() - start
    check(contender.ended(contender.context(child)) && !contender.ended(parent))
    return [elapsed]
  }
}

/**
 * The callbacks of rescind run in a microtask after the cancel, those of the others during it. So the time of every
 * contender includes a microtask that is queued after the cancel. By then, all callbacks must have run.
 */
function wide<Ctx, Child>(contender: Contender<Ctx, Child>): Case['run'] {
  return async (count) => {
    let called = 0
    const start = performance.now()
    for (let index = 0; index < count; index++) {
      const root = contender.root()
      const parent = contender.context(root)
      for (let born = 0; born < 1_000; born++) {
        contender.listen(contender.context(contender.derive(parent)), () => {
          called++
        })
      }
      contender.cancel(root)
      await undefined
    }
    const elapsed = performance.now() - start
    check(called === 1_000 * count)
    return [elapsed]
  }
}

function deep<Ctx, Child>(contender: Contender<Ctx, Child>): Case['run'] {
  return (count) => {
    let leaf: Ctx | undefined
    const start = performance.now()
    for (let index = 0; index < count; index++) {
      const root = contender.root()
      leaf = contender.context(root)
      for (let depth = 0; depth < 100; depth++) leaf = contender.context(contender.derive(leaf))
      contender.cancel(root)
    }
    const elapsed = performance.now() - start
    check(leaf !== undefined && contender.ended(leaf))
    return [elapsed]
  }
}

const PENDING_COUNT = 10_000

/**
 * Timeouts that are all pending at once, each of another length. They are canceled in steps of `stride`: 1 is the order
 * in which they would expire, and a large prime is close to a random order. With `isOld`, another timeout expires
 * before the cancels. By then rescind has moved them into its heap; timeouts that are canceled earlier never get there.
 */
function pending<Ctx, Child>(contender: Contender<Ctx, Child>, stride: number, isOld: boolean): Case['run'] {
  return async (count) => {
    let creating = 0
    let canceling = 0
    for (let index = 0; index < count; index++) {
      const parent = contender.context(contender.root())
      const children: Child[] = []
      const start = performance.now()
      for (let ms = 60_000; ms < 60_000 + PENDING_COUNT; ms++) children.push(contender.limit(parent, ms))
      const created = performance.now()
      if (isOld) await expiry(contender, parent)
      const ending = Array.from(children, (_, place) => children[(place * stride) % PENDING_COUNT] as Child)
      const ordered = performance.now()
      for (const child of ending) contender.cancel(child)
      const canceled = performance.now()
      creating += created - start
      canceling += canceled - ordered
      check(children.every((child) => contender.ended(contender.context(child))))
    }
    return [creating, canceling]
  }
}

function expiry<Ctx, Child>(contender: Contender<Ctx, Child>, parent: Ctx): Promise<void> {
  // The timers of some contenders do not keep the process alive.
  const alive = setInterval(() => {}, 1_000)
  return new Promise((resolve) => {
    contender.listen(contender.context(contender.limit(parent, 1)), () => {
      clearInterval(alive)
      resolve()
    })
  })
}

/** Reads many times whether a live context has ended. */
function read<Ctx, Child>(contender: Contender<Ctx, Child>, isLimited: boolean): Case['run'] {
  const parent = contender.context(contender.root())
  const child = isLimited ? contender.limit(parent, 100_000_000) : contender.derive(parent)
  return (count) => {
    const ctx = contender.context(child)
    let ended = 0
    const start = performance.now()
    for (let index = 0; index < count; index++) if (contender.ended(ctx)) ended++
    const elapsed = performance.now() - start
    check(ended === 0)
    return [elapsed]
  }
}

/** Derives and cancels below `depth` signals, no two of them the same. */
function nested(depth: number): Case['run'] {
  let [parent] = withCancel(background())
  for (let level = 0; level < depth; level++) [parent] = withSignal(parent, new AbortController().signal)
  const { signal } = new AbortController()
  return (count) => {
    let last = parent
    const start = performance.now()
    for (let index = 0; index < count; index++) {
      const [ctx, cancel] = withSignal(parent, signal)
      cancel()
      last = ctx
    }
    const elapsed = performance.now() - start
    check(last.err !== undefined && parent.err === undefined)
    return [elapsed]
  }
}

function readSignal(count: number): Phases {
  const [parent] = withCancel(background())
  let aborted = 0
  const start = performance.now()
  for (let index = 0; index < count; index++) {
    const [{ signal }, cancel] = withCancel(parent)
    cancel()
    if (signal.aborted) aborted++
  }
  const ms = performance.now() - start
  check(aborted === count)
  return [ms]
}

function abort(count: number): Phases {
  const reason = new DOMException('canceled', 'AbortError')
  let aborted = 0
  const start = performance.now()
  for (let index = 0; index < count; index++) {
    const controller = new AbortController()
    controller.abort(reason)
    if (controller.signal.aborted) aborted++
  }
  const ms = performance.now() - start
  check(aborted === count)
  return [ms]
}

/**
 * A thousand nodes, with ten children each, ended from the root. go/context_test.go has the same tree.
 */
function tree(count: number): Phases {
  let leaf: Context | undefined
  const start = performance.now()
  for (let index = 0; index < count; index++) {
    const [root, cancel] = withCancel(background())
    const nodes = [root]
    for (let born = 1; born < 1_000; born++) nodes.push(withCancel(nodes[Math.floor((born - 1) / 10)] as Context)[0])
    cancel()
    leaf = nodes.at(-1)
  }
  const ms = performance.now() - start
  check(leaf?.err !== undefined)
  return [ms]
}

/** Looks up the outermost of `depth` values, from the innermost. */
function lookup(depth: number): Case['run'] {
  const keys = Array.from({ length: depth }, (_, index) => createKey<number>(`key ${index}`))
  const innermost = keys.reduce((ctx, key) => withValue(ctx, key, 1), withCancel(background())[0])
  const outermost = keys[0] as Key<number>
  return (count) => {
    let sum = 0
    const start = performance.now()
    for (let index = 0; index < count; index++) sum += innermost.value(outermost) ?? 0
    const ms = performance.now() - start
    check(sum === count)
    return [ms]
  }
}

function check(held: boolean): void {
  if (!held) throw new Error('The workload did not have its effect, so its time is invalid.')
}
