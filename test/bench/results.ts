/**
 * The results of the benchmarks, in RESULTS.md: a section for each command, written by that command. The README and the
 * docs quote some of its tables, between marks with the name of the table. The command replaces these, too.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'

const RESULTS = 'test/bench/RESULTS.md'

const HEAD =
  '# What the benchmarks have measured\n\nWritten by the commands. Ratios are within one run, and medians over its' +
  ' rounds. The spread is the range of the middle half of the rounds. A target within the spread is `open`.\n\n'

/** Writes the section of `command`: the machine and the versions, its tables, and the targets that were not reached. */
export function record(command: string, head: string, tables: string, missed: readonly string[]): void {
  const heading = `## \`${command}\``
  const parts = [heading, `${machine()} ${head}`, tables]
  if (missed.length > 0) parts.push('Not reached:', missed.map((line) => `- ${line}`).join('\n'))
  const section = `${parts.join('\n\n')}\n`
  const [, ...sections] = readFileSync(RESULTS, 'utf8').split(/^(?=## )/m)
  const index = sections.findIndex((one) => one.startsWith(`${heading}\n`))
  sections.splice(index < 0 ? sections.length : index, 1, section)
  writeFileSync(RESULTS, `${HEAD}${sections.map((one) => one.trimEnd()).join('\n\n')}\n`)
}

/** Replaces the table called `name` in `file`, between its marks. */
export function quote(file: string, name: string, table: string): void {
  const text = readFileSync(file, 'utf8')
  const marks = new RegExp(`(<!-- ${name} -->\\n)[^]*?(?=<!-- /${name} -->)`)
  if (!marks.test(text)) throw new Error(`${file} has no place for the table ${name}.`)
  writeFileSync(
    file,
    text.replace(marks, (_, mark: string) => `${mark}${table}\n`),
  )
}

function machine(): string {
  const [cpu] = cpus()
  const day = new Date().toISOString().slice(0, 10)
  const memory = `${Math.round(totalmem() / 2 ** 30)} GB`
  const hardware = `${availableParallelism()} processors (${cpu?.model ?? 'unknown'}), ${memory}`
  return `${day}: ${hardware}, ${process.platform} ${process.arch}.`
}

/** The name and the version of each package. */
export function versions(...names: readonly string[]): string {
  return names
    .map((name) => {
      const { version } = JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8')) as { version: string }
      return `${name} ${version}`
    })
    .join(', ')
}
