/** Builds the demo, so that no test drives an old one. */

import { run } from '../package/run.ts'

export async function setup(): Promise<void> {
  await run('npm', ['run', 'build:demo', '--silent'])
}
