/** The root of the site. A page of the manual lies in a folder below it and says the way up. */

const root: URL = new URL(document.documentElement.dataset.root ?? './', document.baseURI)

/** Where `path` is, whichever page asks: `api/clock`. */
export function fromRoot(path: string): string {
  return new URL(path, root).href
}
