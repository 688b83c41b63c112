/** The id of a request, from the page into every line of the server's log, which keeps the start of a long one. */

import { createKey } from 'rescind'
import type { Context } from 'rescind'
import { carry } from 'rescind/wire'
import type { Carried } from 'rescind/wire'

export const requestId: Carried<string> = carry(createKey<string>('request id'), 'x-request-id')

/** In characters: every line of the request has the tag. */
const MAX_TAG = 64

/** The tag for the lines of the request with `ctx`; undefined if the request has no id. */
export function tagOf(ctx: Context): string | undefined {
  const tag = ctx.value(requestId.key)
  return tag === undefined ? undefined : [...tag].slice(0, MAX_TAG).join('')
}
