/** The id of a request, from the page into every line of the server's log. */

import { createKey } from 'rescind'
import { carry } from 'rescind/wire'
import type { Carried } from 'rescind/wire'

export const requestId: Carried<string> = carry(createKey<string>('request id'), 'x-request-id')
