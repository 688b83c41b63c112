/** The key under which a context has its `traceparent`. Both what sends it and what only shows it need the same one. */

import { createKey } from './context.ts'
import type { Key } from './context.ts'

export const traceKey: Key<string, undefined> = /* @__PURE__ */ createKey<string>('traceparent')
