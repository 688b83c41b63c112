/** What is measured in each engine. */

import type { Pace } from '../measure.ts'
import { DEEP, DERIVE, LIMIT, LIMIT_APART, WIDE } from '../workloads.ts'

export const WORKLOADS: readonly string[] = [DERIVE, LIMIT, LIMIT_APART, WIDE, DEEP]

/** Clocks of browsers are coarse: that of Firefox and WebKit shows whole milliseconds. */
export const PACE: Pace = { sample: 20, warmUp: 60, budget: 240 }
