/**
 * The demo (dev server and build) and the projects of the tests. Everything imports `rescind` by its public names and
 * gets the source.
 */

import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { transformAsync } from '@babel/core'
import react from '@vitejs/plugin-react'
import { playwright } from '@vitest/browser-playwright'
import type { BuildOptions, Plugin } from 'vite'
import type { TestProjectConfiguration, TestProjectInlineConfiguration, ViteUserConfigFnPromise } from 'vitest/config'
import { regions } from './demo/regions.ts'
import { demoServer } from './demo/server/plugin.ts'
import { manual } from './demo/site/plugin.ts'
import { browserArgs, findBrowser } from './scripts/browser.mjs'
import { engines } from './scripts/engines.mjs'
import type { Engine } from './scripts/engines.mjs'
import { nodeWorkers } from './scripts/workers.ts'

const config: ViteUserConfigFnPromise = async ({ command, mode, isSsrBuild = false }) => {
  const isDemo = mode.startsWith('demo') || (command === 'serve' && !process.env.VITEST)
  const isWorker = mode === 'demo-worker'
  const isTest = command === 'serve' && !isDemo
  // Whatever the shell says: it decides which build of React there is, and only one has `act` and fast refresh.
  process.env.NODE_ENV = command === 'build' ? 'production' : isTest ? 'test' : 'development'
  const pages = isDemo && !isSsrBuild ? await manual(command) : undefined
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
    // Lowers `using`, which Safari does not know.
    oxc: { target: 'es2022' },
    // Finds its own files by their URLs.
    optimizeDeps: { exclude: ['@sqlite.org/sqlite-wasm'] },
    // Has named exports for bundlers only; the benchmark of peers runs in Node.
    ssr: { noExternal: ['react-use'] },
    build: {
      target: 'es2022',
      outDir: path('./dist-demo/client'),
      emptyOutDir: true,
      copyPublicDir: !isSsrBuild,
      ...(pages && { rolldownOptions: { input: pages.input } }),
      ...(isWorker && WORKER_BUILD),
    },
    // One more than Vitest takes: most tests wait, for sockets and timers.
    test: { projects: isTest ? await projects(mode) : [], maxWorkers: availableParallelism() },
  }
}

/** The service worker goes beside the pages it serves. */
const WORKER_BUILD: BuildOptions = {
  emptyOutDir: false,
  rolldownOptions: { output: { format: 'iife', entryFileNames: 'sw.js' } },
}

export default config

const core = 'test/{,inspect/,wire/}*.test.{ts,tsx}'
const hooks = 'test/hooks/**/*.test.{ts,tsx}'
const devtools = 'test/devtools/*.test.{ts,tsx}'

const inBrowsers = [core, hooks, devtools, 'test/browser/**/*.test.{ts,tsx}', 'test/sql/browser/*.test.ts']

/** What depends on the signals, errors, timers and events of its realm. jsdom has its own; Node and Chromium run all. */
const coreInJsdom = 'test/{callbacks,context,deadlines,ending,errors,foreign,page,routes,signals,stream}.test.ts'
const countingCoreInJsdom = 'test/{group,tasks,timers}.test.ts'

/** They count the timers, listeners or runs of their realm, or attach an inspector to it: each needs its own. */
const countingCore = 'test/{inspect/*,group,leaks,lifetime,properties,scale,tasks,testing,timers}.test.ts'
const countingHooks = 'test/hooks/{inspect,leaks,pending}.test.tsx'

/** The tests of the core run everywhere; those that need the machine for themselves run last. */
async function projects(mode: string): Promise<TestProjectConfiguration[]> {
  if (mode === 'engines') return Promise.all(engines.map(inEngine))
  if (mode === 'release') return [ofPackage('release')]
  const execArgv = ['--expose-gc']
  const executablePath = await findBrowser()
  return [
    {
      extends: true,
      test: {
        name: 'node',
        include: [core],
        exclude: [countingCore],
        // A realm for each file costs more than the tests in it.
        isolate: false,
        testTimeout: 30_000,
        execArgv,
      },
    },
    {
      extends: true,
      test: {
        name: 'node-isolated',
        include: [countingCore, 'test/node/**/*.test.ts'],
        testTimeout: 30_000,
        execArgv,
      },
    },
    {
      extends: true,
      test: {
        name: 'sql',
        include: ['test/sql/{,postgres/,recipes/,sqlite/}*.test.ts'],
        globalSetup: 'test/sql/setup.ts',
        testTimeout: 30_000,
        execArgv,
      },
    },
    inJsdom('jsdom', { include: [coreInJsdom, hooks], exclude: [countingHooks], isolate: false }),
    inJsdom('jsdom-isolated', { include: [countingCoreInJsdom, countingHooks, devtools] }),
    inJsdom('react-18', { include: [hooks], exclude: [countingHooks], isolate: false }, 18),
    inJsdom('react-18-isolated', { include: [countingHooks, devtools] }, 18),
    withPreact(),
    inChromium('chromium', inBrowsers, executablePath),
    {
      ...inChromium('isolated', ['test/wire/flag.test.ts', 'test/{,sql/}isolated/*.test.ts'], executablePath),
      // Without these there is no shared memory in a page.
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
        globalSetup: 'test/browser/server.ts',
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
        sequence: { groupOrder: 3 },
        // Its files share the browser's tabs. What that has to do at once must not keep it from what is measured.
        isolate: false,
        maxWorkers: 1,
        maxConcurrency: 4,
        // A page that stood still for a second has seen something else.
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
    test: {
      name,
      include: [`test/${name}/*.test.ts`],
      globalSetup: 'test/package/setup.ts',
      sequence: { groupOrder: 2 },
      testTimeout: 60_000,
      hookTimeout: 120_000,
    },
  }
}

/** What imports React gets Preact's `compat`, as in an application. */
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

/** What runs in Chromium, in any engine: `npm run test:engines`. */
async function inEngine(engine: Engine): Promise<TestProjectConfiguration> {
  const { providerOf } = await import('./test/engines/provider.ts')
  const { test, ...config } = inChromium(engine, inBrowsers, undefined)
  const browser = { ...test.browser, provider: await providerOf(engine), instances: [{ browser: engine }] }
  return { ...config, test: { ...test, setupFiles: 'test/engines/setup.ts', browser } }
}

type Tests = Pick<NonNullable<TestProjectInlineConfiguration['test']>, 'include' | 'exclude' | 'isolate'>

/** @param react which version there is, for the tests to make sure */
function inJsdom(name: string, tests: Tests, react = 19): TestProjectConfiguration {
  const test = { ...tests, name, environment: 'jsdom', provide: { react }, testTimeout: 30_000 }
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
      // ES modules that import React: the alias holds only for what is transformed.
      server: { deps: { inline: [/react-router/, /@tanstack/] } },
    },
  }
}

function inChromium(name: string, include: string[], executablePath: string | undefined) {
  return {
    extends: true as const,
    plugins: [reactCompiler()],
    // Named, or the first run finds them one by one and reloads.
    optimizeDeps: {
      include: [
        '@tanstack/react-devtools',
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

/** Builds `*.compiled.tsx` as an application with the React Compiler does. */
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
