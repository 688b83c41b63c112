/** The key of the `traceparent` of a context, shared by the code that sends it and the code that only shows it. */

import { createKey } from './context.ts'
import type { Key } from './context.ts'

export const traceKey: Key<string, undefined> = /* @__PURE__ */ createKey<string>('traceparent')
