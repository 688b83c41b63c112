/**
 * Checks the package as it would be published, and prepares the release: `npm run release -- 0.2.0` writes the version
 * and dates the CHANGELOG; without a version it only checks. It does not commit or publish, but prints the commands.
 *
 * `npm test` checks the files in the tarball, its side effects and its size. This script adds slower checks: installing
 * it with npm, every bundler (`test/release`), other compilers, and other versions of Node, from npm's package `node`.
 */

import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const TYPESCRIPT = ['5.7', '5.8', '5.9', '6.0', '7.0']
const NODE = ['20', '22', '24']
const RESOLUTIONS = [
  ['nodenext', 'nodenext'],
  ['esnext', 'bundler'],
]
/** Entries that are not imported at run time: a worker's file has side effects, and nothing imports it. */
const NOT_IMPORTED = new Set(['./package.json', './sql/sqlite-worker'])

const [version] = process.argv.slice(2)
const manifest = readJson('package.json')
const changelog = readFileSync('CHANGELOG.md', 'utf8')

if (version !== undefined) {
  if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) fail(`the version must look like 0.2.0, got ${version}`)
  if (output('git', ['status', '--porcelain']) !== '') fail('the working tree has changes: commit them first')
  if (!/^## \[Unreleased\]\n+### /m.test(changelog)) fail('CHANGELOG.md has nothing under Unreleased')
}

step('The tarball', () => run('npx', ['vitest', 'run', '--project', 'package']))
step('The tarball, installed and bundled', () => run('npx', ['vitest', 'run', '--mode', 'release']))

const folder = mkdtempSync(join(tmpdir(), 'rescind-release-'))
try {
  run('npm', ['pack', '--silent', '--pack-destination', folder])
  const tarball = join(folder, `${manifest.name}-${manifest.version}.tgz`)
  const consumer = join(folder, 'consumer')
  mkdirSync(consumer)
  writeFileSync(join(consumer, 'package.json'), '{ "private": true, "type": "module" }')
  const peers = ['react', 'react-dom', '@types/react', '@types/react-dom', '@sqlite.org/sqlite-wasm']
  install(consumer, [tarball, ...peers.map((peer) => `${peer}@${manifest.devDependencies[peer]}`)])
  cpSync('test/package/consumer', join(consumer, 'types'), { recursive: true })

  for (const typescript of TYPESCRIPT) {
    step(`Types under TypeScript ${typescript}`, () => {
      const compiler = join(folder, `typescript-${typescript}`)
      mkdirSync(compiler)
      writeFileSync(join(compiler, 'package.json'), '{ "private": true }')
      install(compiler, [`typescript@~${typescript}.0`])
      for (const [module, moduleResolution] of RESOLUTIONS) {
        const project = join(consumer, `tsconfig.${moduleResolution}.json`)
        const compilerOptions = { ...readJson('test/package/strictest.json'), module, moduleResolution }
        writeFileSync(project, JSON.stringify({ compilerOptions, include: ['types/*.ts'] }))
        run(process.execPath, [join(compiler, 'node_modules/typescript/bin/tsc'), '-p', project])
      }
    })
  }

  const entries = Object.keys(manifest.exports)
    .filter((entry) => !NOT_IMPORTED.has(entry))
    .map((entry) => entry.replace(/^\./, manifest.name))
  const names = JSON.stringify(entries)
  const esm = `for (const name of ${names}) if (Object.keys(await import(name)).length === 0) throw new Error(name)`
  const cjs = `for (const name of ${names}) if (Object.keys(require(name)).length === 0) throw new Error(name)`
  writeFileSync(join(consumer, 'all.mjs'), esm)
  writeFileSync(join(consumer, 'all.cjs'), cjs)
  for (const major of NODE) {
    step(`import and require on Node ${major}`, () => {
      const runtime = join(folder, `node-${major}`)
      mkdirSync(runtime)
      writeFileSync(join(runtime, 'package.json'), '{ "private": true }')
      // Runs the install script of `node`, which copies the binary for this platform.
      install(runtime, [`node@${major}`], [])
      const node = join(runtime, 'node_modules/node/bin/node')
      run(node, ['all.mjs'], consumer)
      run(node, ['all.cjs'], consumer)
    })
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

if (version === undefined) {
  console.log('\nThe package is ready. To release it: npm run release -- <version>')
} else {
  run('npm', ['version', version, '--no-git-tag-version'])
  const date = new Date().toISOString().slice(0, 10)
  writeFileSync('CHANGELOG.md', changelog.replace('## [Unreleased]', `## [Unreleased]\n\n## [${version}] - ${date}`))
  console.log(`\nVersion ${version} is written. Look at the changes, then:`)
  console.log(`  git commit -am "Release ${version}" && git tag v${version} && npm publish`)
}

function step(title, check) {
  console.log(`\n> ${title}`)
  check()
}

function install(cwd, packages, options = ['--ignore-scripts']) {
  run('npm', ['install', '--silent', '--no-audit', '--no-fund', ...options, ...packages], cwd)
}

function run(command, args, cwd = '.') {
  const { status, error } = spawnSync(command, args, {
    cwd: resolve(cwd),
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  })
  if (status !== 0) fail(`${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}`)
}

function output(command, args) {
  return spawnSync(command, args, { encoding: 'utf8', shell: process.platform === 'win32' }).stdout
}

function fail(message) {
  throw new Error(message)
}

function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'))
}
