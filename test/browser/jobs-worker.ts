/** A worker of a page that takes jobs. */

import { serveJobs } from '../../src/wire.ts'
import { handle } from '../job-handler.ts'

serveJobs(handle)
