/** The key for the `traceparent` value of a context. Code that sends it and code that only shows it share this file. */

import { createKey } from './context.ts'
import type { Key } from './context.ts'

export const traceKey: Key<string, undefined> = /* @__PURE__ */ createKey<string>('traceparent')
