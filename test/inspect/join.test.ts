/** Several recordings as one: the contexts of a server for a request are below that request, on one time axis. */

import { open } from 'rescind/inspect'
import type { Recording, Row, Warning } from 'rescind/inspect'
import { describe, expect, it } from 'vitest'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const GONE = 'ClientGone: the client has gone'

function rowOf(row: Partial<Row> & { readonly id: number }): Row {
  const nothing = { place: undefined, parent: undefined, label: undefined, ended: undefined, how: undefined }
  const noEnd = { cause: undefined, by: undefined, ms: undefined, deadline: undefined, deadlineOf: undefined }
  const noTrace = { trace: row.span && TRACE, span: undefined, values: [], waits: [], stacks: undefined }
  return { ...nothing, ...noEnd, ...noTrace, kind: 'withCancel', born: 0, late: false, ...row }
}

function recordingOf(at: number, rows: readonly Row[], warnings: readonly Warning[] = []): Recording {
  return { format: 'rescind.recording', version: 1, at, rows, warnings }
}

/** A page that has sent a request in span `1`, and canceled it for another in span `2`. */
const page = recordingOf(1_400, [
  rowOf({ id: 1, kind: 'background', late: true }),
  rowOf({ id: 2, parent: 1, label: 'm', born: 1_000, ended: 1_100, how: 'canceled', cause: 'Superseded' }),
  rowOf({ id: 3, parent: 2, label: 'fetch', span: '1', born: 1_010, ended: 1_100, how: 'parent', by: 2 }),
  rowOf({ id: 4, parent: 3, label: 'body', span: '1', born: 1_011, ended: 1_100, how: 'parent', by: 2 }),
  rowOf({ id: 5, parent: 1, label: 'me', span: '2', born: 1_100, ended: 1_300, how: 'completed' }),
])

/** The server of that page, with a clock that is ahead by `lead`. Each message takes 3 ms. */
function serverOf(lead: number): Recording {
  const at = (time: number) => time + lead
  const place = 'server'
  const cut = { how: 'canceled', cause: GONE } as const
  const rows = [
    rowOf({ id: 1, place, kind: 'background', late: true, born: at(0) }),
    rowOf({ id: 2, place, parent: 1, kind: 'withRequest', span: '1', born: at(1_013), ended: at(1_103), ...cut }),
    rowOf({
      id: 3,
      place,
      parent: 2,
      label: 'query',
      span: '1',
      born: at(1_014),
      ended: at(1_103),
      how: 'parent',
      by: 2,
    }),
    rowOf({ id: 4, place, parent: 1, kind: 'withRequest', span: '2', born: at(1_103), ended: at(1_297) }),
  ]
  return recordingOf(at(1_500), [...rows.slice(0, 3), { ...(rows[3] as Row), how: 'completed' }])
}

describe('open() of several recordings', () => {
  it.each([0, 5_000_000, -77])('moves the rows of a clock that is ahead by %i ms onto one time axis', (lead) => {
    const { at, rows } = open([page, serverOf(lead)])
    const handlers = rows.filter(({ kind }) => kind === 'withRequest')
    expect(handlers.map(({ born, ended }) => [born, ended])).toEqual([
      [1_013, 1_103],
      [1_103, 1_297],
    ])
    expect(rows.filter(({ place }) => place === undefined)).toEqual(open(page).rows)
    expect(at).toBe(1_500)
  })

  it('shows a handler below its request, and that the end of the request ended it', () => {
    const { rows } = open([page, serverOf(5_000)])
    const [cut, answered] = rows.filter(({ kind }) => kind === 'withRequest')
    expect(cut).toMatchObject({ id: 7, parent: 3, how: 'canceled', by: 2, cause: GONE })
    expect(answered).toMatchObject({ id: 9, parent: 5, how: 'completed', by: undefined })
    expect(rows.find(({ label }) => label === 'query')).toMatchObject({ id: 8, parent: 7, by: 7 })
  })

  it('formats the rows of all recordings as one tree', () => {
    const tree = open([page, serverOf(5_000)]).text()
    expect(tree.replaceAll(/ trace \w+| \(.*\)$/gm, '').split('\n')).toEqual([
      '#1 background before +0ms alive 1.5s',
      '  #2 withCancel(m) +1s 100ms canceled',
      '    #3 withCancel(fetch) +1s 90ms parent by #2',
      '      #4 withCancel(body) +1s 89ms parent by #2',
      '      #7 withRequest in server +1s 90ms canceled by #2',
      '        #8 withCancel(query) +1s 89ms parent by #7',
      '  #5 withCancel(me) +1.1s 200ms completed',
      '    #9 withRequest in server +1.1s 194ms completed',
      '#6 background in server before +0ms alive 1.5s',
    ])
  })

  it('uses the time axis of the server if its recording is the first', () => {
    const { rows } = open([serverOf(5_000), page])
    expect(rows.find(({ label }) => label === 'me')).toMatchObject({ id: 5, born: 6_100, ended: 6_300 })
    expect(rows.filter(({ kind }) => kind === 'withRequest').map(({ parent }) => parent)).toEqual([3, 5])
  })

  it('joins a chain of servers, in any order of their recordings', () => {
    const gateway = recordingOf(20_000, [
      rowOf({ id: 1, place: 'gateway', kind: 'withRequest', span: '2', born: 11_103, ended: 11_297, how: 'completed' }),
      rowOf({ id: 2, parent: 1, span: '3', born: 11_110, ended: 11_200, how: 'completed' }),
    ])
    const store = recordingOf(0, [
      rowOf({ id: 1, place: 'store', kind: 'fromHeaders', span: '3', born: -5_890, ended: -5_810, how: 'completed' }),
    ])
    const { rows } = open([page, store, gateway])
    const found = rows.find(({ place }) => place === 'store')
    expect(found).toMatchObject({ parent: 7, born: 1_115, ended: 1_195 })
    expect(rows.find(({ id }) => id === 7)).toMatchObject({ parent: 6, span: '3' })
  })

  it('estimates the offset from a canceled request, whose end the server notices later', () => {
    const client = recordingOf(1_500, [rowOf({ id: 1, span: '1', born: 1_000, ended: 1_200, how: 'canceled' })])
    const cut = { how: 'canceled', cause: GONE, born: 6_100, ended: 6_202 } as const
    const { rows } = open([client, recordingOf(6_500, [rowOf({ id: 1, kind: 'withRequest', span: '1', ...cut })])])
    expect(rows.at(-1)).toMatchObject({ parent: 1, by: 1, born: 1_098, ended: 1_200 })
  })

  it('moves deadlines and warnings onto the time axis too', () => {
    const warning = { code: 'RESCIND_LOST_CANCEL', message: 'lost', row: 4, at: 6_200, stack: undefined } as const
    const { rows } = serverOf(5_000)
    const server = recordingOf(6_500, [...rows.slice(0, 3), { ...(rows[3] as Row), deadline: 7_000, deadlineOf: 4 }])
    const view = open([page, { ...server, warnings: [warning] }])
    expect(view.rows.at(-1)).toMatchObject({ id: 9, deadline: 2_000, deadlineOf: 9 })
    expect(view.warnings).toEqual([{ ...warning, row: 9, at: 1_200 }])
  })

  it('does not move the times of a recording that no request connects with the first', () => {
    const other = recordingOf(9_000, [rowOf({ id: 1, kind: 'withRequest', span: '9', born: 8_000 })])
    expect(open([page, other]).rows.at(-1)).toMatchObject({ id: 6, parent: undefined, born: 8_000 })
  })

  it('ignores a span that two contexts of the page have sent', () => {
    const twice = recordingOf(2_000, [
      ...page.rows,
      rowOf({ id: 6, parent: 1, label: 'again', span: '2', born: 1_900 }),
    ])
    const { rows } = open([twice, serverOf(5_000)])
    expect(rows.filter(({ kind }) => kind === 'withRequest').map(({ parent }) => parent)).toEqual([3, 7])
  })

  it('returns a view that can be recorded and opened again', () => {
    const view = open([page, serverOf(5_000)])
    expect(open(JSON.stringify(view.record())).text()).toBe(view.text())
  })

  it('shows every row of hostile recordings once, and refuses what is not a recording', () => {
    const rows = [
      rowOf({ id: 1e308, parent: 1e308, kind: 'withRequest', span: '1', born: 1e308, ended: -1e308, how: 'canceled' }),
      rowOf({ id: -1, parent: 1e308, by: 7, kind: 'withRequest', span: '2', born: -1e308 }),
      rowOf({ id: 0.5, parent: -1, span: '1' }),
    ]
    const view = open([page, recordingOf(1e308, rows), recordingOf(-1e308, rows)])
    expect(new Set(view.rows.map(({ id }) => id)).size).toBe(page.rows.length + 2 * rows.length)
    expect(view.text().split('\n')).toHaveLength(page.rows.length + 2 * rows.length)
    expect(() => open([])).toThrow(TypeError)
    expect(() => open([])).toThrow('at least one recording')
    expect(() => open([page, '{}'])).toThrow(TypeError)
  })

  it.each([2 ** 40, 1.5, 0, -1])('replaces the ids of a recording with the id %d', (id) => {
    const rows = [rowOf({ id: 2 }), rowOf({ id, parent: 2, by: 3 })]
    const joined = open([page, recordingOf(0, rows), recordingOf(0, [rowOf({ id: 1 })])]).rows
    expect(joined.slice(page.rows.length).map((row) => row.id)).toEqual([6, 7, 8])
    expect(joined[6]).toMatchObject({ parent: 6, by: 0 })
  })

  it('keeps the gaps between the ids of dropped contexts', () => {
    const warning = { code: 'RESCIND_LOST_CANCEL', message: 'lost', row: 2, at: 0, stack: undefined } as const
    const other = recordingOf(0, [rowOf({ id: 3, parent: 1 }), rowOf({ id: 7, parent: 3 })], [warning])
    const { rows, warnings } = open([page, other, recordingOf(0, [rowOf({ id: 1 })])])
    expect(rows.slice(page.rows.length).map(({ id, parent }) => [id, parent])).toEqual([
      [8, 6],
      [12, 8],
      [13, undefined],
    ])
    expect(warnings[0]?.row).toBe(7)
  })

  it.each([0, -3, 7, 1e9])('shows no row below one of another recording if its parent is %d', (parent) => {
    const { rows } = open([page, recordingOf(0, [rowOf({ id: 6, parent })]), page])
    expect(rows[page.rows.length]).toMatchObject({ id: 11, parent: 0 })
  })

  it('does not match contexts without a span', () => {
    const unnamed = [
      rowOf({ id: 1, span: '1' }),
      rowOf({ id: 2, parent: 1 }),
      rowOf({ id: 3, parent: 1, trace: TRACE, label: 'trace only' }),
    ]
    const handlers = [
      rowOf({ id: 1, span: '8' }),
      rowOf({ id: 2, parent: 1, kind: 'withRequest' }),
      rowOf({ id: 3, parent: 1, kind: 'withRequest', trace: TRACE }),
    ]
    const { rows } = open([recordingOf(0, unnamed), recordingOf(0, handlers)])
    expect(rows.slice(3).map(({ parent }) => parent)).toEqual([undefined, 4, 4])
  })

  it('does not move a handler below a request of the same recording', () => {
    const own = recordingOf(0, [rowOf({ id: 1, span: '9' }), rowOf({ id: 2, kind: 'withRequest', span: '9' })])
    expect(open([page, own]).rows.at(-1)).toMatchObject({ id: 7, parent: undefined })
  })

  it('estimates the offset of a server from the recordings whose offsets are known', () => {
    const client = recordingOf(0, [rowOf({ id: 1, span: '1', born: 1_000, ended: 1_100, how: 'completed' })])
    const store = recordingOf(0, [
      rowOf({ id: 1, kind: 'withRequest', span: '1', born: 6_003, ended: 6_097, how: 'completed' }),
      rowOf({ id: 2, kind: 'withRequest', span: '2', born: 6_203, ended: 6_297, how: 'completed' }),
    ])
    const gateway = recordingOf(0, [rowOf({ id: 1, span: '2', born: 200, ended: 300, how: 'completed' })])
    const { rows } = open([client, store, gateway])
    expect(rows.map(({ born }) => born).toSorted((a, b) => a - b)).toEqual([1_000, 1_003, 1_200, 1_203])
  })

  it.each<[what: string, sent: Partial<Row>, received: Partial<Row>, offset: number]>([
    ['a sender that was noticed late', { late: true, born: 1_150, ended: 1_200, how: 'completed' }, {}, 4_990],
    ['a handler that was noticed late', { ended: 1_200, how: 'completed' }, { late: true, born: 6_150 }, 4_990],
    ['a handler that is alive', { ended: 1_200, how: 'completed' }, { ended: undefined, how: undefined }, 5_010],
    ['a sender that is alive', {}, {}, 5_010],
    ['a canceled sender, whose handler went on', { ended: 1_050, how: 'canceled' }, {}, 5_010],
    ['a disposed sender', { ended: 1_200, how: 'disposed' }, {}, 5_000],
  ])('estimates the offset from %s', (_, sent, received, offset) => {
    const client = recordingOf(0, [rowOf({ id: 1, span: '1', born: 1_000, ...sent })])
    const times = { born: 6_010, ended: 6_190, how: 'completed' } as const
    const server = recordingOf(10_000, [rowOf({ id: 1, kind: 'withRequest', span: '1', ...times, ...received })])
    expect(open([client, server]).at).toBe(10_000 - offset)
  })

  it.each<[what: string, sent: Partial<Row>, received: Partial<Row>]>([
    ['is canceled for another reason', { ended: 1_100, how: 'canceled' }, { how: 'canceled', cause: 'Superseded' }],
    ['ends with its parent', { ended: 1_100, how: 'canceled' }, { how: 'parent', cause: GONE }],
    ['loses its client while the request is alive', {}, { how: 'canceled', cause: GONE }],
  ])('does not attribute the end of a handler to the request if the handler %s', (_, sent, received) => {
    const client = recordingOf(0, [rowOf({ id: 1, span: '1', born: 1_000, ...sent })])
    const times = { born: 6_010, ended: 6_190 }
    const server = recordingOf(0, [rowOf({ id: 1, kind: 'withRequest', span: '1', ...times, ...received })])
    expect(open([client, server]).rows.at(-1)).toMatchObject({ parent: 1, by: undefined })
  })

  it('shows no place for a handler without a name, below a request with one', () => {
    const client = recordingOf(0, [rowOf({ id: 1, place: 'page', span: '1' })])
    const server = recordingOf(0, [rowOf({ id: 1, kind: 'withRequest', span: '1' })])
    const tree = open([client, server]).text()
    expect(tree.match(/ in \w+/g)).toEqual([' in page'])
  })
})
