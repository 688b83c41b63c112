/** The exit of a process: pending waits delay it, a deadline alone does not, like `AbortSignal.timeout`. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'rescind-'))
const program = join(folder, 'program.mjs')

beforeAll(async () => {
  const result = await build({
    logLevel: 'silent',
    build: { ssr: 'test/node/exit.program.ts', write: false, target: 'es2022' },
  })
  if (!('output' in result)) throw new Error('one bundle was expected')
  writeFileSync(program, result.output[0].code)
})

afterAll(() => rmSync(folder, { recursive: true }))

/** What the program printed, and its exit code: null if it had to be killed, 13 if it still waited for something. */
async function run(name: string): Promise<[printed: string, code: number | null]> {
  const child = spawn(process.execPath, [program, name], { stdio: ['ignore', 'pipe', 'inherit'], timeout: 20_000 })
  const [printed, [code]] = await Promise.all([text(child.stdout), once(child, 'exit') as Promise<[number | null]>])
  return [printed, code]
}

describe('a process', () => {
  it.concurrent.each([
    'a forgotten cancel',
    'a listener on the signal',
    'a callback',
    'a group that was not waited for',
    'a wait that was given up',
    'a stream that nothing reads',
    'a read without a limit',
    'a stream that was left',
  ])('exits though a deadline is pending after %s', async (name) => {
    expect(await run(name)).toEqual(['done\n', 0])
  })

  it.concurrent.each([
    'a sleep',
    'a sleep until the deadline',
    'a wait until the deadline',
    'a wait until a deadline that came later',
    'a read under a deadline',
    'a read with a limit to its silence',
    'within',
    'a shield',
    'a shared run',
    'the wait of a retry',
    'the wait for a slot',
    'the wait of a group',
  ])('stays alive until %s is over', async (name) => {
    expect(await run(name)).toEqual(['done\n', 0])
  })
})
