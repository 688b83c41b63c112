/** A worker thread that runs one job, and then exits since nothing keeps it alive. */

import { parentPort as port } from 'node:worker_threads'
import { work } from '../wire/port-job.ts'
import type { Job, Report } from '../wire/port-job.ts'

port?.on('message', async function listen(job: Job) {
  await work(job, (report: Report) => port?.postMessage(report))
  port?.off('message', listen)
})
