/** A worker of a page that runs one job after the other. */

import { work } from '../wire/port-job.ts'
import type { Job } from '../wire/port-job.ts'

onmessage = ({ data }: MessageEvent<Job>) => {
  void work(data, (report) => postMessage(report))
}
