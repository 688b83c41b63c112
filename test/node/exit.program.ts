/** Programs that are done or wait; exit.test.ts says which must end by themselves, and which must settle. */

import {
  afterFunc,
  background,
  group,
  rearm,
  retry,
  semaphore,
  share,
  shield,
  sleep,
  stream,
  until,
  withCancel,
  within,
  withTimeout,
} from 'rescind'

const never = new Promise<never>(() => {})
const [forgotten] = withTimeout(background(), 60_000)

/** A source that never yields. */
const silent = { [Symbol.asyncIterator]: () => ({ next: () => never }) }

const programs: Record<string, () => unknown> = {
  'a forgotten cancel': () => until(forgotten, Promise.resolve()),
  'a listener on the signal': () => forgotten.signal.addEventListener('abort', () => {}),
  'a callback': () => afterFunc(forgotten, () => {}),
  'a group that was not waited for': () => void group(forgotten).go(() => {}),
  'a wait that was given up': async () => {
    const [ctx, cancel] = withCancel(forgotten)
    const waiting = until(ctx, never).catch(() => {})
    cancel()
    await waiting
  },
  'a stream that nothing reads': () => stream(forgotten, [1], { idle: 60_000 }).next(),
  'a read without a limit': () => void stream(background(), silent).next(),
  'a stream that was left': async () => {
    const chunks = stream(forgotten, silent, { idle: 60_000 })
    const pending = chunks.next()
    await chunks.return()
    await pending
  },
  'a sleep': () => sleep(background(), 50),
  'a sleep until the deadline': () => sleep(withTimeout(forgotten, 50)[0], Infinity).catch(() => {}),
  'a wait until the deadline': () => until(withTimeout(forgotten, 50)[0], never).catch(() => {}),
  'a wait until a deadline that came later': () => {
    const [ctx] = withTimeout(forgotten, Infinity)
    const waiting = until(ctx, never).catch(() => {})
    rearm(ctx, 50)
    return waiting
  },
  'a read under a deadline': () =>
    stream(withTimeout(background(), 50)[0], silent)
      .next()
      .catch(() => {}),
  'a read with a limit to its silence': () =>
    stream(background(), silent, { idle: 50 })
      .next()
      .catch(() => {}),
  within: () => within(background(), 50, () => never).catch(() => {}),
  'a shield': () => shield(background(), 50, () => never).catch(() => {}),
  'a shared run': () => share(withTimeout(background(), 50)[0], () => never)(background()).catch(() => {}),
  'the wait of a retry': () => {
    return retry(background(), () => Promise.reject(new Error('down')), { delay: () => 30 }).catch(() => {})
  },
  'the wait for a slot': async () => {
    const one = semaphore(1)
    await one.acquire(background())
    await one.acquire(withTimeout(background(), 50)[0]).catch(() => {})
  },
  'the wait of a group': async () => {
    const g = group(withTimeout(background(), 50)[0])
    g.go((ctx) => new Promise((resolve) => void afterFunc(ctx, () => resolve(undefined))))
    await g.wait()
  },
}

await programs[process.argv[2] ?? '']?.()
process.stdout.write('done\n')
