/**
 * Sends a request in a span of its own. The inspectors of the page and of the server know it by its `traceparent`, so
 * they can show it as one line.
 */

import { within, withValue } from 'rescind'
import type { Context } from 'rescind'
import { headers, traceparent } from 'rescind/wire'

/** Sends a request with the given headers, under a context that ends with its answer. */
type Send<T> = (ctx: Context, headers: Record<string, string>) => Promise<T>

export function traced<T>(ctx: Context, send: Send<T>): Promise<T> {
  const span = withValue(ctx, traceparent.key, `00-${randomHex(16)}-${randomHex(8)}-01`)
  return within(span, { label: 'fetch' }, (ctx) => {
    return send(ctx, headers(ctx, { to: location.href, values: [traceparent] }))
  })
}

function randomHex(bytes: number): string {
  const random = crypto.getRandomValues(new Uint8Array(bytes))
  return Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
