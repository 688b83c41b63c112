/**
 * Writes the address of each package into the lock file, at a host that npm replaces by that of its registry: see
 * .npmrc. npm itself writes the host of the registry that was used, or no address. npm runs this script after it has
 * changed the dependencies.
 */

import { readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'

const FILE = 'package-lock.json'
const REGISTRY = 'https://registry.invalid'

const before = readFileSync(FILE, 'utf8')
const lock = JSON.parse(before)
for (const [path, { name = nameAt(path), version, resolved: _, ...rest }] of Object.entries(lock.packages)) {
  if (path === '') continue
  const resolved = `${REGISTRY}/${name}/-/${name.split('/').at(-1)}-${version}.tgz`
  // In npm's order.
  lock.packages[path] = { ...(name !== nameAt(path) && { name }), version, resolved, ...rest }
}
const after = `${JSON.stringify(lock, undefined, 2)}\n`
if (after !== before) {
  const { atime, mtime } = statSync(FILE)
  writeFileSync(FILE, after)
  // Otherwise the lock would be newer than what npm has installed, and `npm start` would install all of it again.
  utimesSync(FILE, atime, mtime)
}

/** The name of the package that is installed at `path`, if it has no other. */
function nameAt(path) {
  return path.split('node_modules/').at(-1)
}
