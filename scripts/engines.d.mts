export type Engine = 'chromium' | 'firefox' | 'webkit'

export const engines: readonly Engine[]

/** Finds the path of a program with the engine; undefined if there is none. */
export function findEngine(name: Engine): Promise<string | undefined>

/** The path of Playwright's build of the engine, which only Playwright can control; undefined if there is none. */
export function keptByPlaywright(name: Engine): Promise<string | undefined>
