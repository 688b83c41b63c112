/** A shared worker of a page that takes jobs from each page that connects. */

import { serveJobs } from '../../src/wire/index.ts'
import { handle } from '../wire/job-handler.ts'

addEventListener('connect', (event) => {
  const [port] = (event as MessageEvent).ports
  if (port) serveJobs(handle, { port })
})
