/** What the package costs in a user's bundle: minified by Vite, gzip. The limits are a promise. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'vite'
import { describe, expect, inject, it } from 'vitest'

const PROMISES: readonly { readonly what: string; readonly code: string; readonly limit: number }[] = [
  { what: 'all of rescind', code: "export * from 'rescind'", limit: 7_600 },
  {
    what: 'background, withCancel and withTimeout',
    code: "export { background, withCancel, withTimeout } from 'rescind'",
    limit: 4_020,
  },
  { what: 'isCanceled', code: "export { isCanceled } from 'rescind'", limit: 280 },
  { what: 'createKey', code: "export { createKey } from 'rescind'", limit: 440 },
  { what: 'nothing', code: "import 'rescind'", limit: 50 },
  { what: 'nothing of rescind/react', code: "import 'rescind/react'", limit: 100 },
  // With all that it needs of rescind.
  { what: 'all of rescind/react', code: "export * from 'rescind/react'", limit: 13_080 },
  { what: 'useTask', code: "export { useTask } from 'rescind/react'", limit: 8_700 },
  { what: 'useAction', code: "export { useAction } from 'rescind/react'", limit: 7_820 },
  { what: 'useCancellable', code: "export { useCancellable } from 'rescind/react'", limit: 6_680 },
]

describe('the size in a bundle', () => {
  it.each(PROMISES)('of $what is at most $limit bytes', async ({ what, code, limit }) => {
    expect(await sizeOf(what, code)).toBeLessThanOrEqual(limit)
  })

  it('is what the README says', () => {
    const rows = [...readFileSync('README.md', 'utf8').matchAll(/^\| (.+) \| ([\d.]+) kB \|$/gm)]
    expect(rows.length).toBeGreaterThan(0)
    for (const [, what = '', size] of rows) {
      const promise = PROMISES.find((promise) => promise.what === what.replaceAll('`', ''))
      expect([what, (Number(promise?.limit) / 1_000).toFixed(1)]).toEqual([what, size])
    }
  })

  it('has nothing in it of the guard against deps made in render, which is for development', async () => {
    expect(await bundle("export { useTask } from 'rescind/react'")).not.toContain('useMemo)')
  })

  it('is not that of an empty bundle', async () => {
    expect(await bundle("export * from 'rescind'")).toContain('context deadline exceeded')
  })
})

async function sizeOf(what: string, code: string): Promise<number> {
  const size = gzipSync(await bundle(code)).length
  console.log(`${what}: ${size} bytes`)
  return size
}

async function bundle(code: string): Promise<string> {
  const entry = join(inject('consumer'), 'entry.js')
  const result = await build({
    configFile: false,
    root: inject('consumer'),
    logLevel: 'silent',
    // As an application is built, whatever the tests run in.
    define: { 'process.env.NODE_ENV': '"production"' },
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === 'entry' ? entry : null),
        load: (id) => (id === entry ? code : null),
      },
    ],
    build: {
      write: false,
      target: 'es2022',
      minify: true,
      rolldownOptions: { input: 'entry', preserveEntrySignatures: 'strict', external: ['react', 'react/jsx-runtime'] },
    },
  })
  if (!('output' in result)) throw new Error('one bundle was expected')
  return result.output[0].code
}
