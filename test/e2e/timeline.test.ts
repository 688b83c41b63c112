/** The timeline of a run: its bars and its counters agree, whether the page or the server is notified first. */

import { describe, expect, it } from 'vitest'
import type { Entry } from '../../demo/server/log.ts'
import { timelineOf } from '../../demo/ui/timeline.ts'
import type { Timeline } from '../../demo/ui/timeline.ts'
import type { Call } from '../../demo/ui/trace.ts'

const STARTED = 5000
/** The server's clock is ahead by this time. */
const OFFSET = 300

/** The timeline of one request, sent at the start, with 100 ms of work that begins 10 ms later. */
function lanes(call: Partial<Call>, entry: Partial<Entry>): Timeline {
  const known: Entry = {
    id: 'a',
    name: 'a',
    latency: 100,
    arrived: STARTED + OFFSET + 10,
    lines: [],
    wasted: { ms: 0, bytes: 0 },
    ...entry,
  }
  const calls: Call[] = [{ id: 'a', name: 'a', sent: STARTED, ...call }]
  return timelineOf({ started: STARTED }, calls, undefined, { entries: new Map([['a', known]]), offset: OFFSET })
}

const FINISHED = { ended: 100, outcome: 'finished' } as const

describe('the timeline of a run', () => {
  it('counts work that finished for nothing before the log reports it', () => {
    const { server, totals } = lanes({ unwanted: STARTED + 50 }, FINISHED)
    expect(server).toMatchObject([{ note: 'finished for nothing: 60 ms', unwanted: 50, end: 110 }])
    expect(totals).toMatchObject({ requests: 1, ms: 60 })
  })

  it('counts work that finished although the page had canceled it', () => {
    const { server, totals } = lanes({ outcome: 'canceled', ended: STARTED + 100 }, FINISHED)
    expect(server).toMatchObject([{ note: 'finished for nothing: 10 ms', kind: 'done' }])
    expect(totals).toMatchObject({ requests: 1, ms: 10, stopped: 0 })
  })

  it("uses the log's time as soon as it has one", () => {
    const entry = { ...FINISHED, unwanted: 30, wasted: { ms: 70, bytes: 7 } }
    const { server, totals } = lanes({ unwanted: STARTED + 50 }, entry)
    expect(server).toMatchObject([{ note: 'finished for nothing: 70 ms', unwanted: 40 }])
    expect(totals).toEqual({ requests: 1, stopped: 0, ms: 70, bytes: 7 })
  })

  it('does not count work that finished before it was unwanted', () => {
    for (const call of [{}, { unwanted: STARTED + 200 }, { outcome: 'canceled', ended: STARTED + 200 } as const]) {
      const { server, totals } = lanes(call, FINISHED)
      expect(server).toMatchObject([{ note: 'finished', unwanted: undefined }])
      expect(totals).toMatchObject({ requests: 0, ms: 0 })
    }
  })

  it('shows work that is being stopped as work, not as waste', () => {
    expect(lanes({ outcome: 'canceled', ended: STARTED + 50 }, {}).server).toMatchObject([{ note: 'working' }])
    const { server, totals } = lanes(
      { outcome: 'canceled', ended: STARTED + 50 },
      { ended: 42, outcome: 'stopped', cause: 'client gone', unwanted: 41, wasted: { ms: 1, bytes: 0 } },
    )
    expect(server).toMatchObject([{ note: 'stopped: client gone', unwanted: undefined, planned: 110 }])
    expect(totals).toMatchObject({ requests: 0, stopped: 1, ms: 1 })
  })
})
