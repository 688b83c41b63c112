/** The results of a fuzzer: how often each outcome occurred, and all violations. */

import type { Random } from './random.ts'

/** An attack of `rounds` rounds, with input from `random`. */
export interface Fuzzer {
  readonly name: string
  /** The rounds of `npm run test:hostile`; the tests run fewer. */
  readonly rounds: number
  run(random: Random, rounds: number): Promise<Tally>
}

/** The number of violations that are kept, since one fault occurs in thousands of rounds. */
const MAX_VIOLATIONS = 20

export class Tally {
  readonly counts: Map<string, number> = new Map()
  readonly violations: string[] = []

  count(label: string): void {
    this.counts.set(label, (this.counts.get(label) ?? 0) + 1)
  }

  assert(isTrue: boolean, violation: string): void {
    if (!isTrue && this.violations.length < MAX_VIOLATIONS) this.violations.push(violation)
  }
}

/** Whether `text` is short, and has no control characters or line breaks. */
export function isHarmless(text: string): boolean {
  return text.length < 1_000 && !/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u.test(text)
}
