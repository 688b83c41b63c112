export type Engine = 'chromium' | 'firefox' | 'webkit'

export const engines: readonly Engine[]

/** The path of a program that has the engine; undefined if there is none. */
export function findEngine(name: Engine): Promise<string | undefined>

/** The path of Playwright's build of the engine, which only Playwright can drive; undefined if there is none. */
export function keptByPlaywright(name: Engine): Promise<string | undefined>
