/** A message that can be sent and not be read: the platform fires `messageerror`, as for any other. */

import { BlockList } from 'node:net'
import { afterAll, beforeAll } from 'vitest'

/** What this thread can send, and not deserialize while the tests of a `describe` that has called this run. */
export function unreadable(): () => object {
  const list = BlockList.prototype as unknown as Record<symbol, unknown>
  const deserialize = Object.getOwnPropertySymbols(list).find(
    ({ description }) => description === 'messaging_deserialize_symbol',
  )
  if (!deserialize) throw new Error('this version of Node has no such symbol')
  const original = list[deserialize]
  beforeAll(() => {
    list[deserialize] = () => {
      throw new RangeError('unreadable')
    }
  })
  afterAll(() => {
    list[deserialize] = original
  })
  return () => new BlockList()
}
