/**
 * The data of the search: the names of all countries and regions in every language of the platform's own data (CLDR, in
 * every Node and every browser). A name is found by the start of any of its words, whatever the case and the accents.
 */

/** One name of a region, in one language. */
export interface Hit {
  /** ISO 3166: `DE`. */
  readonly code: string
  /** The region in English. */
  readonly region: string
  readonly name: string
  /** The language of `name`, in English. */
  readonly language: string
}

interface Indexed {
  readonly hit: Hit
  /** Each word in it has a space before it. */
  readonly folded: string
}

/** Regions that the platform can name but that are not countries. */
const NO_COUNTRY = /^(EU|EZ|QO|UN|XA|XB|ZZ)$/

/** All names. */
export const indexed: readonly Indexed[] = build()

/** Names in English first, then those that begin as the query does, then the rest. */
export function find(query: string): Hit[] {
  const word = wordOf(query)
  const rank = ({ hit, folded }: Indexed) => (hit.language === 'English' ? 0 : 2) + (folded.startsWith(word) ? 0 : 1)
  return indexed
    .filter(({ folded }) => folded.includes(word))
    .toSorted((left, right) => rank(left) - rank(right))
    .map(({ hit }) => hit)
}

/** What is looked for in the folded names. */
export function wordOf(query: string): string {
  return ` ${fold(query)}`
}

function build(): Indexed[] {
  const regionsInEnglish = names('en', 'region')
  const languagesInEnglish = names('en', 'language')
  const regions = pairs('A').flatMap((code) => {
    // Former countries have the names of their successors.
    const isPast = Intl.getCanonicalLocales(`und-${code}`)[0] !== `und-${code}`
    const region = isPast || NO_COUNTRY.test(code) ? undefined : regionsInEnglish.of(code)
    return region === undefined ? [] : [{ code, region }]
  })
  const languages = pairs('a').filter((code) => Intl.DisplayNames.supportedLocalesOf(code).length > 0)
  return languages.flatMap((locale) => {
    const language = languagesInEnglish.of(locale) ?? locale
    const localized = names(locale, 'region')
    return regions.flatMap(({ code, region }) => {
      const name = localized.of(code)
      return name === undefined ? [] : [{ hit: { code, region, name, language }, folded: ` ${fold(name)}` }]
    })
  })
}

function names(locale: string, type: 'region' | 'language'): Intl.DisplayNames {
  return new Intl.DisplayNames(locale, { type, fallback: 'none' })
}

/** All pairs of letters, from `first` twice. */
function pairs(first: 'a' | 'A'): string[] {
  const letters = Array.from({ length: 26 }, (_, offset) => String.fromCharCode(first.charCodeAt(0) + offset))
  return letters.flatMap((left) => letters.map((right) => left + right))
}

function fold(text: string): string {
  return text
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim()
}
