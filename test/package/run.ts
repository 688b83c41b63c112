/** Programs: the tests of the package run the real ones, since a user does. */

import { spawn } from 'node:child_process'
import { resolve } from 'node:path'

/** The folder of the installed programs. */
const PROGRAMS: Record<string, string> = {
  attw: 'node_modules/@arethetypeswrong/cli/dist/index.js',
  tsc: 'node_modules/typescript/bin/tsc',
}

/**
 * Runs a program: `node`, one of the installed packages, or one of the system.
 *
 * @returns its output; rejects with that if it fails
 */
export function run(program: string, args: readonly string[], cwd: string = process.cwd()): Promise<string> {
  const script = PROGRAMS[program]
  const isNode = program === 'node' || script !== undefined
  return new Promise((resolved, reject) => {
    const child = spawn(isNode ? process.execPath : program, [...(script ? [resolve(script)] : []), ...args], {
      cwd,
      // npm is a batch file on Windows.
      shell: process.platform === 'win32' && program === 'npm',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)))
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolved(output)
      else reject(new Error(`${program} ${args.join(' ')} failed:\n${output}`))
    })
  })
}
