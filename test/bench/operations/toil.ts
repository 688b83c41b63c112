/** The work of the benchmark of jobs, the same in the worker of each contender. */

/** A request to the worker. */
export interface Order {
  readonly does: 'slices' | 'a busy loop' | 'reports' | 'its time' | 'its end'
  /** Counts the completed work, in shared memory that the benchmark reads. */
  readonly counter: Int32Array<SharedArrayBuffer>
}

/** What the work can learn about its caller from the library. */
export interface Caller {
  /** Whether the caller no longer waits. */
  readonly hasLeft: () => boolean
  /** The milliseconds that are left; undefined if the library does not pass them on. */
  readonly timeLeft: () => number | undefined
  readonly report: (done: number) => void
}

/** The work ends after this many milliseconds. */
export const TOIL_MS = 1_500

export async function toil({ does, counter }: Order, { hasLeft, timeLeft, report }: Caller): Promise<unknown> {
  const end = performance.now() + TOIL_MS
  switch (does) {
    case 'slices':
      while (performance.now() < end && !hasLeft()) {
        Atomics.add(counter, 0, 1)
        await new Promise((resolve) => void setTimeout(resolve, 5))
      }
      return 'done'
    case 'a busy loop':
      while (performance.now() < end && !hasLeft()) Atomics.add(counter, 0, 1)
      return 'done'
    case 'reports':
      for (let done = 1; done <= 3; done++) report(done)
      return 'done'
    case 'its time':
      return timeLeft() === undefined ? 'no' : 'yes'
    case 'its end':
      process.exit(1)
  }
}
