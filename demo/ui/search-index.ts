/** What is searched, and how: the same where the index is made, at build, and where it is asked. */

import type { Options } from 'minisearch'

/** A heading of a page, and what is below it. */
export interface Passage {
  /** Where it is, from the root of the site. */
  readonly id: string
  readonly page: string
  readonly heading: string
  readonly content: string
  /** The beginning of the content, to be shown. */
  readonly excerpt: string
}

export const searchOptions: Options<Passage> = {
  fields: ['page', 'heading', 'content'],
  storeFields: ['page', 'heading', 'excerpt'],
  searchOptions: { boost: { page: 3, heading: 4 }, combineWith: 'AND', fuzzy: 0.2, prefix: true },
}
