/**
 * The key for the `traceparent` value of a context. It has its own file, so that the inspector can show the value
 * without the code in `wire` that sends it.
 */

import { createKey } from './context.ts'
import type { Key } from './context.ts'

export const traceKey: Key<string, undefined> = /* @__PURE__ */ createKey<string>('traceparent')
