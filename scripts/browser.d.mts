/** What to launch it with. */
export const browserArgs: string[]

/**
 * Where the browser is; undefined if there is none.
 *
 * @returns rejects if CHROME_PATH is set and names no file
 */
export function findBrowser(): Promise<string | undefined>
