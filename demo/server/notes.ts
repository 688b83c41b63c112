/**
 * The endpoints for notes: a save takes some time, and the text is stored at its end. So the save that ends last
 * decides the text of a note, whichever was sent last.
 */

import type { Context } from 'rescind'
import { readBody } from './body.ts'
import { refuse, sendJson } from './exchange.ts'
import type { Exchange } from './exchange.ts'
import { isId } from './log.ts'
import { orderOf, perform } from './work.ts'

export interface Note {
  readonly text: string
  readonly isPinned: boolean
}

const MAX_TEXT = 1000
const KEPT = 200

/** The newest `KEPT`, by the ids of their pages. */
const notes = new Map<string, Note>()

export async function save(requestCtx: Context, exchange: Exchange): Promise<void> {
  const id = idOf(exchange)
  const order = orderOf(exchange.url.searchParams)
  if (typeof order === 'string') return refuse(exchange, order)
  if (!isId(id)) return refuse(exchange, WRONG_ID)
  const body = await readBody(exchange.req)
  const text = new TextDecoder().decode(body)
  if (body === undefined || text.length > MAX_TEXT) {
    return refuse(exchange, `a note must have no more than ${MAX_TEXT} characters`)
  }
  await perform(requestCtx, exchange, {
    ...order,
    total: text.length,
    unit: 'characters written',
    make() {},
    body: () => put(id, { text }),
  })
}

export async function pin(requestCtx: Context, exchange: Exchange): Promise<void> {
  const id = idOf(exchange)
  const order = orderOf(exchange.url.searchParams)
  if (typeof order === 'string') return refuse(exchange, order)
  if (!isId(id)) return refuse(exchange, WRONG_ID)
  await perform(requestCtx, exchange, {
    ...order,
    total: 1,
    unit: 'notes pinned',
    make() {},
    body: () => put(id, { isPinned: true }),
  })
}

/** Sends the stored note. */
export function sendNote(_: Context, exchange: Exchange): void {
  sendJson(exchange.res, noteOf(idOf(exchange)))
}

const WRONG_ID = 'note must be 1 to 40 letters, digits, dots or dashes'

function idOf({ url }: Exchange): string {
  return url.searchParams.get('note') ?? ''
}

function noteOf(id: string): Note {
  return notes.get(id) ?? { text: '', isPinned: false }
}

/** Stores the note, and returns the answer. */
function put(id: string, patch: Partial<Note>): string {
  const note = { ...noteOf(id), ...patch }
  notes.set(id, note)
  for (const oldest of notes.keys()) {
    if (notes.size <= KEPT) break
    notes.delete(oldest)
  }
  return JSON.stringify(note)
}
