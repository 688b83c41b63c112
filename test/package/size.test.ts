/** The size of the package in a user's bundle, minified by Vite, with gzip. The limits are a promise. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'vite'
import { describe, expect, inject, it } from 'vitest'

describe('the size in a bundle', () => {
  it.each([
    { what: 'all of rescind', code: "export * from 'rescind'", limit: 10_900 },
    { what: 'background and withCancel', code: "export { background, withCancel } from 'rescind'", limit: 3_010 },
    {
      what: 'background, withCancel and withTimeout',
      code: "export { background, withCancel, withTimeout } from 'rescind'",
      limit: 4_430,
    },
    // Each with its part of the core, most of which is that of `until`.
    { what: 'until', code: "export { background, until } from 'rescind'", limit: 4_450 },
    { what: 'share', code: "export { background, share } from 'rescind'", limit: 5_300 },
    { what: 'retry', code: "export { background, retry, retryBudget } from 'rescind'", limit: 5_970 },
    { what: 'semaphore', code: "export { background, semaphore } from 'rescind'", limit: 4_830 },
    { what: 'group', code: "export { background, group } from 'rescind'", limit: 5_150 },
    // With its part of rescind.
    { what: 'all of rescind/inspect', code: "export * from 'rescind/inspect'", limit: 11_300 },
    { what: 'isCanceled', code: "export { isCanceled } from 'rescind'", limit: 280 },
    { what: 'createKey', code: "export { createKey } from 'rescind'", limit: 440 },
    // Each on its own, with its part of the core.
    { what: 'stream', code: "export { stream } from 'rescind'", limit: 6_000 },
    { what: 'job', code: "export { job } from 'rescind/wire'", limit: 8_600 },
    { what: 'serveJobs', code: "export { serveJobs } from 'rescind/wire'", limit: 8_400 },
    { what: 'nothing', code: "import 'rescind'", limit: 50 },
    { what: 'nothing of rescind/react', code: "import 'rescind/react'", limit: 100 },
    // With its part of rescind.
    { what: 'all of rescind/react', code: "export * from 'rescind/react'", limit: 14_060 },
    { what: 'useTask', code: "export { useTask } from 'rescind/react'", limit: 9_600 },
    { what: 'useAction', code: "export { useAction } from 'rescind/react'", limit: 8_450 },
    { what: 'useCancellable', code: "export { useCancellable } from 'rescind/react'", limit: 7_080 },
    // Only components that render nothing.
    { what: 'rescind/devtools in production', code: "export * from 'rescind/devtools'", limit: 200 },
    { what: 'rescind/devtools/production', code: "export * from 'rescind/devtools/production'", limit: 21_500 },
  ])('the size of $what is at most $limit bytes', async ({ what, code, limit }) => {
    expect(await sizeOf(what, code)).toBeLessThanOrEqual(limit)
  })

  it.each([
    { what: '`{ background, withCancel }`', code: "export { background, withCancel } from 'rescind'" },
    {
      what: '`{ background, withCancel, withTimeout }`',
      code: "export { background, withCancel, withTimeout } from 'rescind'",
    },
    { what: 'all of `rescind`', code: "export * from 'rescind'" },
    {
      what: 'all of `rescind/react`, with the parts of `rescind` that it needs',
      code: "export * from 'rescind/react'",
    },
  ])('the size of $what is in the README, within 150 bytes', async ({ what, code }) => {
    const row = readFileSync('README.md', 'utf8')
      .split('\n')
      .find((line) => line.startsWith(`| ${what} | `))
    const quoted = Number(/ ([\d.]+) kB \|$/.exec(row ?? '')?.[1])
    expect(Math.abs(quoted * 1_000 - (await sizeOf(what, code)))).toBeLessThanOrEqual(150)
  })

  it('does not include the check for deps made in render, which is for development', async () => {
    expect(await bundle("export { useTask } from 'rescind/react'")).not.toContain('useMemo)')
  })

  it('does not include the inspector and its panel in a production build with rescind/devtools', async () => {
    const code = await bundle("export * from 'rescind/devtools'")
    expect(code).not.toContain('attachShadow')
    expect(code).not.toContain('import(')
    expect(code).not.toContain('FinalizationRegistry')
    expect(await bundle("export * from 'rescind/devtools/production'")).toContain('import(')
  })

  it('does not include unused operations', async () => {
    const words = {
      group: 'ERR_CANCELED',
      retry: 'stoppedBy',
      semaphore: 'the slot was released',
      share: 'the last caller left',
      stream: 'a response whose body has not been read',
    }
    for (const name of ['until', ...Object.keys(words)]) {
      const code = await bundle(`export { ${name} } from 'rescind'`)
      const found = Object.entries(words).filter(([, word]) => code.includes(word))
      expect(found.map(([word]) => word)).toEqual(name === 'until' ? [] : [name])
    }
  })

  it('is not the size of an empty bundle', async () => {
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
    // Built like an application, whatever the mode of the tests.
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
      rolldownOptions: {
        input: 'entry',
        preserveEntrySignatures: 'strict',
        external: ['react', 'react/jsx-runtime', 'react-dom/client'],
      },
    },
  })
  if (!('output' in result)) throw new Error('one bundle was expected')
  // Lazily loaded chunks count too.
  return result.output.map((file) => ('code' in file ? file.code : '')).join('')
}
