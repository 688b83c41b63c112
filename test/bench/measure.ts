/**
 * Measuring: two cases alternate, A B B A, so that a drift of the machine affects both alike. The result for each is
 * the median of many short samples; a mean would include noise of the machine. Only two cases at a time, since the
 * garbage of one may slow down another; and no forced collection in between, which would discard optimized code and
 * cost the faster case most.
 */

/** What one process has measured, by workload and contender: nanoseconds, bytes, or times. */
export type Metrics = Record<string, number>

export interface Case {
  readonly name: string
  /** Does the work `count` times. Returns the total milliseconds of each of its phases; most work has one. */
  run(count: number): Phases | Promise<Phases>
}

export type Phases = readonly number[]

/** The minimal duration of each phase of a sample, and of the run before the first one, in milliseconds. */
const SAMPLE = 3
const WARM_UP = 30

/** The total duration of the samples of one comparison, unless the minimal number takes longer. */
const BUDGET = 160
const FEWEST_ROUNDS = 1

/** The name of a stored metric. */
export function metric(workload: string, contender: string): string {
  return `${workload}: ${contender}`
}

/** How many times longer than `subject` the `other` takes, for each phase. */
export async function compare(subject: Case, other: Case): Promise<number[]> {
  const [ours = [], theirs = []] = await measure([subject, other])
  return theirs.map((ns, phase) => ns / (ours[phase] ?? NaN))
}

/** The nanoseconds that `subject` takes. */
export async function clock(subject: Case): Promise<number> {
  return (await measure([subject]))[0]?.[0] ?? NaN
}

/** The median nanoseconds of each phase, for each case. */
async function measure(cases: readonly Case[]): Promise<number[][]> {
  globalThis.gc?.()
  const entrants: { entrant: Case; count: number; samples: Phases[] }[] = []
  for (const entrant of cases) entrants.push({ entrant, count: await calibrate(entrant), samples: [] })
  const start = performance.now()
  for (let round = 0; round < FEWEST_ROUNDS || performance.now() - start < BUDGET; round++) {
    for (const { entrant, count, samples } of [...entrants, ...entrants.toReversed()]) {
      samples.push((await entrant.run(count)).map((ms) => (ms * 1e6) / count))
    }
  }
  return entrants.map(({ samples }) =>
    (samples[0] ?? []).map((_, phase) => median(samples.map((sample) => sample[phase] ?? NaN))),
  )
}

/** Warms the case up, and finds how often its work must run for a sample. */
async function calibrate({ run }: Case): Promise<number> {
  const start = performance.now()
  for (let count = 1; ;) {
    const shortest = Math.min(...(await run(count)))
    if (shortest >= SAMPLE && performance.now() - start >= WARM_UP) return Math.ceil((count * SAMPLE) / shortest)
    if (shortest < SAMPLE) count *= 2
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? NaN
  return sorted.length % 2 ? upper : (upper + (sorted[middle - 1] ?? NaN)) / 2
}
