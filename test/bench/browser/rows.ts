/** The workloads for each engine. The chain of 100 overflows Chromium's stack with controllers by hand. */

import type { Pace } from '../measure.ts'
import { DERIVE, LIMIT, LIMIT_APART, WIDE } from '../workloads.ts'

export const WORKLOADS: readonly string[] = [DERIVE, LIMIT, LIMIT_APART, WIDE]

/** Longer samples than in Node, since clocks of browsers are coarse: whole milliseconds in Firefox and WebKit. */
export const PACE: Pace = { sample: 20, warmUp: 60, budget: 240 }
