/** The arguments to launch it with. */
export const browserArgs: string[]

/**
 * Finds the path of the browser; undefined if there is none.
 *
 * @throws Error if CHROME_PATH is set, but the file does not exist
 */
export function findBrowser(): Promise<string | undefined>

/**
 * Finds the path of the headless shell, or else of the browser; undefined if there is neither.
 *
 * @throws Error if CHROME_PATH is set, but the file does not exist
 */
export function findShell(): Promise<string | undefined>
