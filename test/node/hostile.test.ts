/** The fuzzers of `npm run test:hostile`, for less than a second each. */

import { describe, expect, it } from 'vitest'
import { received, traced } from '../hostile/headers.ts'
import { errors, memory, receivers, senders, traps } from '../hostile/ports.ts'
import { Random } from '../hostile/random.ts'
import type { Fuzzer } from '../hostile/tally.ts'
import { failOnUnhandled } from '../support.ts'

failOnUnhandled()

describe('hostile input', () => {
  it.each<[fuzzer: Fuzzer, rounds: number, expected: readonly string[]]>([
    [receivers, 800, ['arrived: AbortError', 'arrived: PortError', 'refused: PortError']],
    [senders, 300, ['contexts that all answers left alive']],
    [memory, 300, ['polled: AbortError', 'polled: PortError']],
    [traps, 300, ['here: AbortError', 'there: AbortError']],
    [errors, 800, ['read', 'refused']],
    [received, 2_000, ['read', 'refused with 400', 'refused with 431']],
    [traced, 2_000, ['0 of 3 read', '3 of 3 read']],
  ])('causes no violation in $name', async ({ run }, rounds, expected) => {
    const { counts, violations } = await run(new Random(17), rounds)
    expect(violations).toEqual([])
    expect([...counts.keys()]).toEqual(expect.arrayContaining([...expected]))
  })
})
