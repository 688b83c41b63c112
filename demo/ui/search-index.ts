/**
 * The fields and the options of the search index. The build makes the index with them, and the page searches it with
 * them.
 */

import type { Options } from 'minisearch'

/** A heading of a page, and the text below it. */
export interface Passage {
  /** The address from the root of the site. */
  readonly id: string
  readonly page: string
  readonly heading: string
  readonly content: string
  /** The beginning of the content, which the results show. */
  readonly excerpt: string
}

export const searchOptions: Options<Passage> = {
  fields: ['page', 'heading', 'content'],
  storeFields: ['page', 'heading', 'excerpt'],
  searchOptions: { boost: { page: 3, heading: 4 }, combineWith: 'AND', fuzzy: 0.2, prefix: true },
}
