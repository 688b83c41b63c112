/**
 * Measures the cost of the observer while no inspector is attached: `npm run bench:observer`. It derives and cancels
 * with two bundles of the core in turns, in one process: one as it is, and one without the observer. It prints the
 * ratio, which should be at most 1.05.
 */

import { mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import type { Plugin } from 'esbuild'
import type * as Core from 'rescind'

const FOLDER = resolve('dist-bench/observer')
const OPERATIONS = 100_000
const ROUNDS = 60

/** Makes the observer in `src/context.ts` a constant, undefined, so that the bundler removes what depends on it. */
const withoutObserver: Plugin = {
  name: 'without-observer',
  setup({ onLoad }) {
    onLoad({ filter: /src.context\.ts$/ }, ({ path }) => {
      const code = readFileSync(path, 'utf8')
      const contents = code
        .replaceAll('watch.observer', '(undefined as any)')
        .replace('const { observer } = watch', 'const observer = undefined as any')
      if (contents.includes('watch.')) throw new Error(`${path} uses the observer in a new way.`)
      return { contents, loader: 'ts' }
    })
  },
}

mkdirSync(FOLDER, { recursive: true })
const one = await runnerOf('with', [])
const other = await runnerOf('without', [withoutObserver])
for (let round = 0; round < 10; round++) [one, other].forEach((run) => run())
const times: [number[], number[]] = [[], []]
for (let round = 0; round < ROUNDS; round++) {
  for (const index of round % 2 === 0 ? [0, 1] : [1, 0]) times[index]?.push(index === 0 ? one() : other())
}
const [ours, bare] = times.map((list) => list.toSorted((left, right) => left - right)[ROUNDS / 2] ?? NaN)
console.log(
  `derive + cancel with the observer off: ${((ours ?? NaN) / (bare ?? NaN)).toFixed(3)} of the time without it`,
)

/** Bundles the core. Returns a function that derives and cancels contexts, and returns how long that took. */
async function runnerOf(name: string, plugins: Plugin[]): Promise<() => number> {
  const outfile = join(FOLDER, `${name}.mjs`)
  await build({ entryPoints: ['src/index.ts'], bundle: true, minifySyntax: true, format: 'esm', outfile, plugins })
  const { background, withCancel } = (await import(/* @vite-ignore */ pathToFileURL(outfile).href)) as typeof Core
  const [parent] = withCancel(background())
  return () => {
    const start = performance.now()
    for (let count = 0; count < OPERATIONS; count++) withCancel(parent)[1]()
    return performance.now() - start
  }
}
