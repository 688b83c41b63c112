/** The log of the work in the tab's own workers, drawn like the server's log. */

import { Log } from '../server/log.ts'

export const tabLog: Log = new Log()
