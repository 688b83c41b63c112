/** A shared worker of a page that runs one job after the other. */

import { work } from '../wire/port-job.ts'
import type { Job } from '../wire/port-job.ts'

addEventListener('connect', (event) => {
  const [port] = (event as MessageEvent).ports
  if (!port) return
  port.onmessage = ({ data }: MessageEvent<Job>) => {
    void work(data, (report) => port.postMessage(report))
  }
})
