/** What is done in the tab itself, in a worker, and is drawn like the server's work: the same log, kept here. */

import { Log } from '../server/log.ts'

export const tabLog: Log = new Log()
