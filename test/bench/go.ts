/**
 * The Go side, if Go is installed: its benchmarks are compiled once, into a temporary folder, and run after each
 * process of ours, so that both run under the same conditions. Without Go, the results say so, and nothing fails.
 */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Metrics } from './measure.ts'
import { median, metric } from './measure.ts'
import { DERIVE, LOOKUPS, TREE } from './workloads.ts'

export const GO = 'Go'

const COMMAND = GO.toLowerCase()

/** Our workloads, by the names of Go's benchmarks. */
const WORKLOADS: Record<string, string> = {
  BenchmarkDerive: DERIVE,
  BenchmarkTree: TREE,
  ...Object.fromEntries(LOOKUPS.map(([workload, depth]) => [`BenchmarkValue${depth}`, workload])),
}

export interface GoSide {
  /** `go1.19.8`, or the reason why there is none. */
  readonly version: string
  time(): Metrics
  [Symbol.dispose](): void
}

export function prepareGo(): GoSide {
  const version = spawnSync(COMMAND, ['env', 'GOVERSION'], { encoding: 'utf8', env: environment() })
  if (version.status !== 0) return absent('no Go found')
  const folder = mkdtempSync(join(tmpdir(), 'rescind-bench-'))
  const program = join(folder, 'context.test.exe')
  const source = resolve('test/bench/go/context_test.go')
  // Vet may report the cancels that the benchmark drops on purpose.
  const compile = ['test', '-vet=off', '-c', '-o', program, source]
  const build = spawnSync(COMMAND, compile, { cwd: folder, env: environment() })
  const remove = () => rmSync(folder, { recursive: true, force: true })
  if (build.status !== 0) {
    remove()
    return absent('Go cannot build the benchmark')
  }
  return {
    version: version.stdout.trim(),
    time: () => parse(spawnSync(program, FLAGS, { encoding: 'utf8' }).stdout ?? ''),
    [Symbol.dispose]: remove,
  }
}

/** One processor, like JavaScript. Go reports means, so many short runs give a median like ours. */
const FLAGS = '-test.run ^$ -test.bench . -test.count 15 -test.benchtime 5ms -test.cpu 1'.split(' ')

/** Uses the installed Go; it must not download another version. */
function environment(): NodeJS.ProcessEnv {
  return { ...process.env, GOTOOLCHAIN: 'local', GOFLAGS: '', GOWORK: 'off' }
}

function absent(version: string): GoSide {
  return { version, time: () => ({}), [Symbol.dispose]: () => {} }
}

/** Reads lines such as `BenchmarkTree    632    183142 ns/op`. */
function parse(output: string): Metrics {
  const runs = [...output.matchAll(/^(Benchmark\w+)\s+\d+\s+([\d.]+) ns\/op/gm)]
  const metrics: Metrics = {}
  for (const [benchmark, workload] of Object.entries(WORKLOADS)) {
    const times = runs.filter(([, name]) => name === benchmark).map(([, , ns]) => Number(ns))
    metrics[metric(workload, GO)] = median(times)
  }
  return metrics
}
