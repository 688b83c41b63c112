/** The fuzzers of `npm run test:hostile`, for a second or two. */

import { describe, expect, it } from 'vitest'
import { received, traced } from '../hostile/headers.ts'
import { errors, memory, receivers, senders, traps } from '../hostile/ports.ts'
import { Random } from '../hostile/random.ts'
import type { Fuzzer } from '../hostile/tally.ts'
import { failOnUnhandled } from '../support.ts'

failOnUnhandled()

describe('hostile input', () => {
  it.each<[fuzzer: Fuzzer, rounds: number, expected: readonly string[]]>([
    [receivers, 2_000, ['arrived: AbortError', 'arrived: PortError', 'refused: PortError']],
    [senders, 500, ['contexts that all answers left alive']],
    [memory, 500, ['polled: AbortError', 'polled: PortError']],
    [traps, 500, ['here: AbortError', 'there: AbortError']],
    [errors, 2_000, ['read', 'refused']],
    [received, 5_000, ['read', 'refused with 400', 'refused with 431']],
    [traced, 5_000, ['0 of 3 read', '3 of 3 read']],
  ])('causes no violation in $name', async ({ run }, rounds, expected) => {
    const { counts, violations } = await run(new Random(17), rounds)
    expect(violations).toEqual([])
    expect([...counts.keys()]).toEqual(expect.arrayContaining([...expected]))
  })
})
