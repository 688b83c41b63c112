/** A shared worker of a page that takes jobs from each page that connects. */

import { serveJobs } from '../../src/wire.ts'
import { handle } from '../job-handler.ts'

addEventListener('connect', (event) => {
  const [port] = (event as MessageEvent).ports
  if (port) serveJobs(handle, { port })
})
