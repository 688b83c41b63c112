/**
 * How cases are measured. Two cases take turns, A B B A, so that a drift of the machine affects both in the same way.
 * The result is the median of many short samples, since a mean would include other load on the machine. Only two cases
 * take turns, since the garbage of one may be collected during another. No collection is forced in between: it discards
 * optimized code, which costs the faster case the most.
 */

/** The results of one process, by workload and contender: nanoseconds, bytes, or ratios. */
export type Metrics = Record<string, number>

export interface Case {
  readonly name: string
  /** Does the work `count` times. Returns the total milliseconds of each of its phases; most work has one phase. */
  run(count: number): Phases | Promise<Phases>
}

export type Phases = readonly number[]

/** In milliseconds. */
export interface Pace {
  /** The shortest time for each phase of a sample. */
  readonly sample: number
  /** How long a case runs before the first sample. */
  readonly warmUp: number
  /** The time for all samples of one comparison; exceeded if the first round takes longer. */
  readonly budget: number
}

const PACE: Pace = { sample: 3, warmUp: 30, budget: 160 }
const FEWEST_ROUNDS = 1

/** The name of a metric. */
export function metric(workload: string, contender: string): string {
  return `${workload}: ${contender}`
}

/** How many times as long as `subject` the `other` takes, for each phase. */
export async function compare(subject: Case, other: Case, pace?: Pace): Promise<number[]> {
  const [ours = [], theirs = []] = await measure([subject, other], pace)
  return theirs.map((ns, phase) => ns / (ours[phase] ?? NaN))
}

/** How many nanoseconds `subject` takes. */
export async function clock(subject: Case, pace?: Pace): Promise<number> {
  return (await measure([subject], pace))[0]?.[0] ?? NaN
}

/** For each case the median nanoseconds of each phase. */
export async function measure(cases: readonly Case[], pace: Pace = PACE): Promise<number[][]> {
  globalThis.gc?.()
  const entrants: { entrant: Case; count: number; samples: Phases[] }[] = []
  for (const entrant of cases) entrants.push({ entrant, count: await calibrate(entrant, pace), samples: [] })
  const start = performance.now()
  for (let round = 0; round < FEWEST_ROUNDS || performance.now() - start < pace.budget; round++) {
    for (const { entrant, count, samples } of [...entrants, ...entrants.toReversed()]) {
      samples.push((await entrant.run(count)).map((ms) => (ms * 1e6) / count))
    }
  }
  return entrants.map(({ samples }) =>
    (samples[0] ?? []).map((_, phase) => median(samples.map((sample) => sample[phase] ?? NaN))),
  )
}

/** Warms the case up, and finds how often it must do its work in a sample. */
async function calibrate({ run }: Case, { sample, warmUp }: Pace): Promise<number> {
  const start = performance.now()
  for (let count = 1; ;) {
    const shortest = Math.min(...(await run(count)))
    if (shortest >= sample && performance.now() - start >= warmUp) return Math.ceil((count * sample) / shortest)
    if (shortest < sample) count *= 2
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? NaN
  return sorted.length % 2 ? upper : (upper + (sorted[middle - 1] ?? NaN)) / 2
}
