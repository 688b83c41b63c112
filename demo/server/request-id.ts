/** The id of a request, from the page into every line of the server's log. Of a long one the log has the start. */

import { createKey } from 'rescind'
import type { Context } from 'rescind'
import { carry } from 'rescind/wire'
import type { Carried } from 'rescind/wire'

export const requestId: Carried<string> = carry(createKey<string>('request id'), 'x-request-id')

/** In characters: a tag stands in every line of its request. */
const MAX_TAG = 64

/** What stands before every line about the request of `ctx`; undefined if that came without an id. */
export function tagOf(ctx: Context): string | undefined {
  const tag = ctx.value(requestId.key)
  return tag === undefined ? undefined : [...tag].slice(0, MAX_TAG).join('')
}
