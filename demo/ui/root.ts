/** The root of the site. A page of the manual is in a folder below it, and has the path to the root in `data-root`. */

const root: URL = new URL(document.documentElement.dataset.root ?? './', document.baseURI)

/** The URL of `path`, which is from the root of the site: `api/clock`. The same on every page. */
export function fromRoot(path: string): string {
  return new URL(path, root).href
}
