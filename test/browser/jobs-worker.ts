/** A worker of a page that takes jobs. */

import { serveJobs } from '../../src/wire/index.ts'
import { handle } from '../wire/job-handler.ts'

serveJobs(handle)
