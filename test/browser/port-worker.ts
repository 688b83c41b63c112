/** A worker of a page that works on one job after the other. */

import { work } from '../port-job.ts'
import type { Job } from '../port-job.ts'

onmessage = ({ data }: MessageEvent<Job>) => {
  void work(data, (report) => postMessage(report))
}
