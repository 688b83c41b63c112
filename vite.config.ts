/**
 * The configuration of the demo (dev server and build) and of all test projects. Imports of `rescind` by its public
 * names resolve to the sources.
 */

import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { transformAsync } from '@babel/core'
import react from '@vitejs/plugin-react'
import { playwright } from '@vitest/browser-playwright'
import type { BuildOptions, Plugin } from 'vite'
import type { TestProjectConfiguration, ViteUserConfigFnPromise } from 'vitest/config'
import { regions } from './demo/regions.ts'
import { demoServer } from './demo/server/plugin.ts'
import { manual } from './demo/site/plugin.ts'
import { browserArgs, findShell } from './scripts/browser.mjs'
import { engines } from './scripts/engines.mjs'
import type { Engine } from './scripts/engines.mjs'
import { nodeWorkers } from './scripts/workers.ts'

const config: ViteUserConfigFnPromise = async ({ command, mode, isSsrBuild = false }) => {
  const isDemo = mode.startsWith('demo') || (command === 'serve' && !process.env.VITEST)
  const isWorker = mode === 'demo-worker'
  const isTest = command === 'serve' && !isDemo
  // Overrides the shell: it selects the build of React, and only the development build has `act` and fast refresh.
  process.env.NODE_ENV = command === 'build' ? 'production' : isTest ? 'test' : 'development'
  const pages = isDemo && !isSsrBuild ? await manual(command, mode) : undefined
  return {
    root: path(isDemo ? './demo' : '.'),
    plugins: pages ? [react(), regions(pages.highlight), pages.plugin, demoServer(), nodeWorkers()] : [nodeWorkers()],
    resolve: {
      alias: [
        { find: /^rescind$/, replacement: path('./src/index.ts') },
        { find: /^rescind\/bindings$/, replacement: path('./src/bindings.ts') },
        { find: /^rescind\/devtools$/, replacement: path('./devtools/index.tsx') },
        { find: /^rescind\/devtools\/production$/, replacement: path('./devtools/production.tsx') },
        { find: /^rescind\/inspect$/, replacement: path('./src/inspect/index.ts') },
        { find: /^rescind\/node$/, replacement: path('./src/node/index.ts') },
        { find: /^rescind\/react$/, replacement: path('./hooks/index.ts') },
        { find: /^rescind\/sql$/, replacement: path('./src/sql/index.ts') },
        { find: /^rescind\/sql\/indexeddb$/, replacement: path('./src/sql/indexeddb.ts') },
        { find: /^rescind\/sql\/(postgres|sqlite)$/, replacement: `${path('./src/sql/')}$1/index.ts` },
        { find: /^rescind\/testing$/, replacement: path('./src/testing.ts') },
        { find: /^rescind\/wire$/, replacement: path('./src/wire/index.ts') },
      ],
    },
    // Lowers `using`, which Safari does not support.
    oxc: { target: 'es2022' },
    // Not optimized: the package finds its files by their URLs.
    optimizeDeps: { exclude: ['@sqlite.org/sqlite-wasm'] },
    // Bundled: the package has named exports only for bundlers, and the benchmark of peers runs in Node.
    ssr: { noExternal: ['react-use'] },
    build: {
      target: 'es2022',
      outDir: path('./dist-demo/client'),
      emptyOutDir: true,
      copyPublicDir: !isSsrBuild,
      ...(pages && { rolldownOptions: { input: pages.input } }),
      ...(isWorker && WORKER_BUILD),
    },
    // Two more than Vitest's default: most tests wait for sockets, timers and browsers.
    test: { projects: isTest ? await projects(mode) : [], maxWorkers: availableParallelism() + 1 },
  }
}

/** Builds the service worker into the folder of the pages that it serves. */
const WORKER_BUILD: BuildOptions = {
  emptyOutDir: false,
  rolldownOptions: { output: { format: 'iife', entryFileNames: 'sw.js' } },
}

export default config

const core = 'test/{,inspect/,wire/}*.test.{ts,tsx}'
const hooks = 'test/hooks/**/*.test.{ts,tsx}'
const devtools = 'test/devtools/*.test.{ts,tsx}'

const inBrowsers = [core, hooks, devtools, 'test/browser/**/*.test.{ts,tsx}', 'test/sql/browser/*.test.ts']

/** Tests that depend on signals, errors, timers or events of the realm, which jsdom and browsers replace. */
const coreInJsdom =
  'test/{callbacks,context,deadlines,ending,errors,foreign,group,page,routes,signals,stream,tasks,timers}.test.ts'

/** The tests for browsers that can fail in Chromium alone. `npm run test:engines` runs all of them there. */
const inChromiumToo = [
  coreInJsdom,
  'test/{leaks,wire/*}.test.ts',
  'test/inspect/inspect.test.ts',
  'test/hooks/{hydration,leaks,life,page,route,suspense}.test.tsx',
  'test/devtools/panel.test.tsx',
  'test/browser/**/*.test.{ts,tsx}',
  'test/sql/browser/*.test.ts',
]

/** Tests that measure the heap, or load a second copy of the package: each file has its own realm. */
const ownRealm = 'test/node/{copies,import,inspect,job,memory,polyfills,stream}.test.ts'

/** The test projects. Tests of the core run in several of them; projects that need the whole machine run last. */
async function projects(mode: string): Promise<TestProjectConfiguration[]> {
  if (mode === 'engines') return Promise.all(engines.map(inEngine))
  if (mode === 'release') return [ofPackage('release')]
  const execArgv = ['--expose-gc']
  const executablePath = await findShell()
  return [
    {
      extends: true,
      test: {
        name: 'node',
        include: [core, 'test/node/**/*.test.ts'],
        exclude: [ownRealm],
        // A realm for each file would take longer than its tests.
        isolate: false,
        setupFiles: 'test/realm.ts',
        testTimeout: 30_000,
        execArgv,
      },
    },
    { extends: true, test: { name: 'node-isolated', include: [ownRealm], testTimeout: 30_000, execArgv } },
    {
      extends: true,
      test: {
        name: 'sql',
        include: ['test/sql/{,postgres/,recipes/,sqlite/}*.test.ts'],
        globalSetup: 'test/sql/setup.ts',
        isolate: false,
        setupFiles: 'test/realm.ts',
        testTimeout: 30_000,
        execArgv,
      },
    },
    inJsdom('jsdom', [coreInJsdom, hooks, devtools]),
    inJsdom('react-18', [hooks, devtools], 18),
    withPreact(),
    inChromium('chromium', inChromiumToo, executablePath),
    {
      ...inChromium('isolated', ['test/wire/flag.test.ts', 'test/{,sql/}isolated/*.test.ts'], executablePath),
      // Isolates the page, which shared memory requires.
      server: {
        headers: { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' },
      },
      cacheDir: path('./node_modules/.vite/isolated'),
    },
    {
      extends: true,
      test: {
        name: 'pages',
        include: ['test/pages/**/*.test.ts'],
        globalSetup: ['test/browser/server.ts', 'test/pages/setup.ts'],
        isolate: false,
        provide: { react: 19 },
        sequence: { groupOrder: 2 },
        testTimeout: 60_000,
        hookTimeout: 120_000,
      },
    },
    ofPackage('package'),
    {
      extends: true,
      test: {
        name: 'e2e',
        include: ['test/e2e/**/*.test.ts'],
        globalSetup: 'test/e2e/setup.ts',
        sequence: { groupOrder: 2 },
        // The files of a worker share their tabs, and all files one browser.
        isolate: false,
        maxConcurrency: 2,
        // Under load, a page can freeze for a second and miss events.
        retry: 1,
        testTimeout: 60_000,
        hookTimeout: 120_000,
      },
    },
  ]
}

/** Tests of the tarball: `package` with every `npm test`, `release` before a release. */
function ofPackage(name: 'package' | 'release'): TestProjectConfiguration {
  return {
    extends: true,
    resolve: {
      // For browsers: Node gets the builds for servers, which run no effects.
      alias: [
        { find: /^solid-js$/, replacement: path('./node_modules/solid-js/dist/solid.js') },
        { find: /^svelte$/, replacement: path('./node_modules/svelte/src/index-client.js') },
      ],
    },
    test: {
      name,
      include: [`test/${name}/*.test.ts`],
      globalSetup: 'test/package/setup.ts',
      isolate: false,
      sequence: { groupOrder: 2 },
      testTimeout: 60_000,
      hookTimeout: 120_000,
    },
  }
}

/** Resolves imports of React to Preact's `compat`, as an application does. */
function withPreact(): TestProjectConfiguration {
  const alias = [
    { find: /^react-dom(\/client)?$/, replacement: 'preact/compat/client' },
    { find: /^react\/(jsx-(dev-)?runtime)$/, replacement: 'preact/$1' },
    { find: /^react$/, replacement: 'preact/compat' },
  ]
  return {
    extends: true,
    resolve: { alias },
    test: { name: 'preact', include: ['test/preact/*.test.tsx'], environment: 'jsdom' },
  }
}

/** The tests that run in Chromium, in another engine: `npm run test:engines`. */
async function inEngine(engine: Engine): Promise<TestProjectConfiguration> {
  const { providerOf } = await import('./test/engines/provider.ts')
  const { test, ...config } = inChromium(engine, inBrowsers, undefined)
  const browser = { ...test.browser, provider: await providerOf(engine), instances: [{ browser: engine }] }
  return { ...config, test: { ...test, isolate: true, setupFiles: 'test/engines/setup.ts', browser } }
}

/** @param react the major version of React, which the tests verify */
function inJsdom(name: string, include: string[], react = 19): TestProjectConfiguration {
  const test = {
    name,
    include,
    environment: 'jsdom',
    isolate: false,
    setupFiles: 'test/realm.ts',
    provide: { react },
    testTimeout: 30_000,
  }
  const execArgv = ['--expose-gc']
  if (react === 19) return { extends: true, plugins: [reactCompiler()], test: { ...test, execArgv } }
  const alias = ['react', 'react-dom'].map((find) => ({
    find: new RegExp(`^${find}(?=$|/)`),
    replacement: path(`./node_modules/${find}-18`),
  }))
  return {
    extends: true,
    plugins: [reactCompiler()],
    resolve: { alias },
    test: {
      ...test,
      execArgv: [...execArgv, '--require', path('./test/hooks/react-18.cjs')],
      // ES modules that import React must be transformed, or the alias would not apply.
      server: { deps: { inline: [/react-router/, /@tanstack/] } },
    },
  }
}

function inChromium(name: string, include: string[], executablePath: string | undefined) {
  return {
    extends: true as const,
    plugins: [reactCompiler()],
    // Listed, or the first run would discover them one by one and reload each time.
    optimizeDeps: {
      include: [
        '@tanstack/react-devtools',
        '@tanstack/react-router',
        '@testing-library/react',
        'fast-check',
        'react',
        'react-dom',
        'react-dom/client',
        'react-dom/server',
        'react-router',
        'react/jsx-dev-runtime',
        'react/jsx-runtime',
        'react/compiler-runtime',
      ],
    },
    test: {
      name,
      include,
      globalSetup: 'test/browser/server.ts',
      isolate: false,
      setupFiles: 'test/realm.ts',
      provide: { react: 19 },
      sequence: { groupOrder: 1 },
      testTimeout: 30_000,
      browser: {
        enabled: true,
        headless: true,
        screenshotFailures: false,
        provider: playwright({ launchOptions: { args: browserArgs, ...(executablePath && { executablePath }) } }),
        instances: [{ browser: 'chromium' as const }],
      },
    },
  }
}

/** Compiles `*.compiled.tsx` with the React Compiler, as an application does. */
function reactCompiler(): Plugin {
  return {
    name: 'react-compiler',
    enforce: 'pre',
    async transform(code, id) {
      if (!id.endsWith('.compiled.tsx')) return null
      const result = await transformAsync(code, {
        filename: id,
        babelrc: false,
        configFile: false,
        presets: ['@babel/preset-typescript', ['@babel/preset-react', { runtime: 'automatic' }]],
        plugins: [['babel-plugin-react-compiler', { panicThreshold: 'all_errors' }]],
      })
      return result && { code: result.code ?? '' }
    },
  }
}

function path(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url))
}
