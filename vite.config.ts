/**
 * The demo (dev server and build) and the projects of the tests. Everything imports `rescind` by its public names and
 * gets the source.
 */

import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { playwright } from '@vitest/browser-playwright'
import type { TestProjectConfiguration, ViteUserConfigFnPromise } from 'vitest/config'
import { demoServer } from './demo/server/plugin.ts'
import { browserArgs, findBrowser } from './scripts/browser.mjs'

const config: ViteUserConfigFnPromise = async ({ command, mode }) => {
  const isDemo = mode === 'demo' || (command === 'serve' && !process.env.VITEST)
  const isTest = command === 'serve' && !isDemo
  // Whatever the shell says: it decides which build of React there is, and only one has `act` and fast refresh.
  process.env.NODE_ENV = command === 'build' ? 'production' : isTest ? 'test' : 'development'
  return {
    root: path(isDemo ? './demo' : '.'),
    plugins: isDemo ? [react(), demoServer()] : [],
    resolve: {
      alias: [
        { find: /^rescind$/, replacement: path('./src/index.ts') },
        { find: /^rescind\/react$/, replacement: path('./hooks/index.ts') },
        { find: /^rescind\/testing$/, replacement: path('./src/testing.ts') },
      ],
    },
    // Lowers `using`, which Safari does not know.
    oxc: { target: 'es2022' },
    // Has named exports for bundlers only; the benchmark of peers runs in Node.
    ssr: { noExternal: ['react-use'] },
    build: { target: 'es2022', outDir: path('./dist-demo/client'), emptyOutDir: true },
    test: { projects: isTest ? await projects() : [] },
  }
}

export default config

/** The tests of the core run everywhere; those that need the machine for themselves run last. */
async function projects(): Promise<TestProjectConfiguration[]> {
  const core = 'test/*.test.{ts,tsx}'
  const execArgv = ['--expose-gc']
  const executablePath = await findBrowser()
  return [
    {
      extends: true,
      test: { name: 'node', include: [core, 'test/node/**/*.test.ts'], execArgv },
    },
    {
      extends: true,
      test: { name: 'jsdom', include: [core, 'test/hooks/**/*.test.{ts,tsx}'], environment: 'jsdom', execArgv },
    },
    {
      extends: true,
      // Named, or the first run finds them one by one and reloads.
      optimizeDeps: {
        include: [
          '@testing-library/react',
          'fast-check',
          'react',
          'react-dom',
          'react-dom/client',
          'react/jsx-dev-runtime',
        ],
      },
      test: {
        name: 'chromium',
        include: [core, 'test/browser/**/*.test.{ts,tsx}'],
        sequence: { groupOrder: 1 },
        browser: {
          enabled: true,
          headless: true,
          screenshotFailures: false,
          provider: playwright({ launchOptions: { args: browserArgs, ...(executablePath && { executablePath }) } }),
          instances: [{ browser: 'chromium' }],
        },
      },
    },
    {
      extends: true,
      test: {
        name: 'package',
        include: ['test/package/**/*.test.ts'],
        globalSetup: 'test/package/setup.ts',
        sequence: { groupOrder: 2 },
        testTimeout: 60_000,
        hookTimeout: 120_000,
      },
    },
    {
      extends: true,
      test: {
        name: 'e2e',
        include: ['test/e2e/**/*.test.ts'],
        globalSetup: 'test/e2e/setup.ts',
        sequence: { groupOrder: 3 },
        testTimeout: 60_000,
        hookTimeout: 120_000,
      },
    },
  ]
}

function path(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url))
}
