/**
 * What is measured in each engine: not the chain of 100, for which controllers by hand need more stack than Chromium
 * has.
 */

import type { Pace } from '../measure.ts'
import { DERIVE, LIMIT, LIMIT_APART, WIDE } from '../workloads.ts'

export const WORKLOADS: readonly string[] = [DERIVE, LIMIT, LIMIT_APART, WIDE]

/** Clocks of browsers are coarse: that of Firefox and WebKit shows whole milliseconds. */
export const PACE: Pace = { sample: 20, warmUp: 60, budget: 240 }
