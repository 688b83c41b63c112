/** The size of the package in a user's bundle, minified by Vite, with gzip. The limits are a promise. */

import { readFileSync } from 'node:fs'
import { SourceMap } from 'node:module'
import type { SourceMapPayload } from 'node:module'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'vite'
import { describe, expect, inject, it } from 'vitest'

describe('the size in a bundle', () => {
  it.each([
    { what: 'all of rescind', code: "export * from 'rescind'", limit: 10_900 },
    { what: 'background and withCancel', code: "export { background, withCancel } from 'rescind'", limit: 3_050 },
    {
      what: 'background, withCancel and withTimeout',
      code: "export { background, withCancel, withTimeout } from 'rescind'",
      limit: 4_460,
    },
    // Each with its part of the core, most of which is that of `until`.
    { what: 'until', code: "export { background, until } from 'rescind'", limit: 4_480 },
    { what: 'share', code: "export { background, share } from 'rescind'", limit: 5_310 },
    { what: 'retry', code: "export { background, retry, retryBudget } from 'rescind'", limit: 5_980 },
    { what: 'semaphore', code: "export { background, semaphore } from 'rescind'", limit: 4_860 },
    { what: 'group', code: "export { background, group } from 'rescind'", limit: 5_170 },
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
    { what: 'all of rescind/react', code: "export * from 'rescind/react'", limit: 14_160 },
    { what: 'useTask', code: "export { useTask } from 'rescind/react'", limit: 9_710 },
    { what: 'useAction', code: "export { useAction } from 'rescind/react'", limit: 8_470 },
    { what: 'useCancellable', code: "export { useCancellable } from 'rescind/react'", limit: 7_090 },
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

  // None carries the part of another, routes, retries, streams or the scope's component; the core, no clock.
  it.each([
    { name: 'background, withCancel', hooks: '', src: 'arguments context errors listeners observer shown' },
    {
      name: 'useTask',
      hooks: 'causes deps gate life options page pending presence publisher run runner scope task view',
      src: 'arguments callbacks context deadlines errors lifetime listeners observer page shown signals tasks timers views',
    },
    {
      name: 'useCancellable',
      hooks: 'causes deps derive life presence use-life',
      // Of `routes`, only the cause: a life that a route has ended gets a successor.
      src: 'arguments callbacks context deadlines errors lifetime listeners observer page routes shown signals timers views',
    },
  ])('is made of only these files for $name', async ({ name, hooks, src }) => {
    const bytes = await bytesByFile(`export { ${name} } from 'rescind${hooks && '/react'}'`)
    const rows = [...bytes].toSorted(([, one], [, other]) => other - one).map(([file, count]) => `${count} ${file}`)
    console.log(`${name}, bytes before gzip:\n${rows.join('\n')}`)
    expect([...bytes.keys()].toSorted()).toEqual([...filesIn('hooks', hooks), ...filesIn('src', src)])
    expect(bytes.get('src/routes.js') ?? 0).toBeLessThan(100)
  })

  it('is not the size of an empty bundle', async () => {
    expect(await bundle("export * from 'rescind'")).toContain('context deadline exceeded')
  })
})

function filesIn(folder: string, names: string): string[] {
  return names.split(' ').flatMap((name) => (name ? `${folder}/${name}.js` : []))
}

async function sizeOf(what: string, code: string): Promise<number> {
  const size = gzipSync(await bundle(code)).length
  console.log(`${what}: ${size} bytes`)
  return size
}

/** The bytes of each file of the package in a bundle, minified: gzip has no size for a part. */
async function bytesByFile(code: string): Promise<Map<string, number>> {
  const bytes = new Map<string, number>()
  for (const { code: text, map } of await chunksOf(code)) {
    const origins = new SourceMap(map)
    for (const [line, content] of text.split('\n').entries()) {
      for (let column = 0; column < content.length; column++) {
        const { originalSource = '' } = origins.findEntry(line, column) as { originalSource?: string }
        const [, file] = /((?:src|hooks)\/[^?]+)$/.exec(originalSource) ?? []
        if (file !== undefined) bytes.set(file, (bytes.get(file) ?? 0) + 1)
      }
    }
  }
  return bytes
}

async function bundle(code: string): Promise<string> {
  // Lazily loaded chunks count too.
  return (await chunksOf(code)).map(({ code }) => code).join('')
}

interface Chunk {
  readonly code: string
  readonly map: SourceMapPayload
}

async function chunksOf(code: string): Promise<Chunk[]> {
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
      // Without a comment in the code.
      sourcemap: 'hidden',
      rolldownOptions: {
        input: 'entry',
        preserveEntrySignatures: 'strict',
        external: ['react', 'react/jsx-runtime', 'react-dom/client'],
      },
    },
  })
  if (!('output' in result)) throw new Error('one bundle was expected')
  return result.output.filter((file) => file.type === 'chunk') as unknown as Chunk[]
}
