/**
 * What linters report: `exhaustive-deps` and the rules of the React Compiler accept our documented usage, and they find
 * mistakes in it.
 */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const CONFIG = {
  plugins: ['react'],
  categories: { correctness: 'error', suspicious: 'error', perf: 'error' },
  rules: {
    'react/react-in-jsx-scope': 'off',
    // Consecutive steps, as in a poll.
    'eslint/no-await-in-loop': 'off',
    'react/rules-of-hooks': 'error',
    'react/exhaustive-deps': ['error', { additionalHooks: '^useTask$' }],
  },
}

const USAGE = `
import { useEffect, useRef, useState } from 'react'
import { createKey, until } from 'rescind'
import type { Context } from 'rescind'
import {
  provide,
  Scope,
  useAction,
  useCancellable,
  useContextState,
  useDeadline,
  usePending,
  useRemaining,
  useRoute,
  useScope,
  useTask,
  useTimeout,
  useValue,
} from 'rescind/react'
import type { ScopeHandle } from 'rescind/react'

interface Props {
  readonly id: number
  readonly save: (ctx: Context, name: string) => Promise<void>
}

const locale = createKey('locale', 'en')

export function Album({ id, save }: Props) {
  const scope = useScope()
  const [ctx, cancel] = useTimeout(scope, 5_000)
  const [routed] = useRoute(ctx)
  const [, cancelAll] = useCancellable(routed)
  useDeadline(ctx, null)
  const { done, cause } = useContextState(ctx)
  const left = useRemaining(ctx, { interval: 100 })
  const pending = usePending()
  const lang = useValue(locale)
  const album = useTask(({ signal }) => fetch(\`/albums/\${id}\`, { signal }), [id], { parent: ctx })
  const saving = useAction((own, name: string) => save(own, name), { mode: 'drop' })
  const again = useTask(save)
  const { run, action, reset } = saving
  const [isSaved, setIsSaved] = useState(false)

  useEffect(() => {
    void until(scope, run('Blue')).then(() => setIsSaved(true), () => {})
  }, [scope, run])

  if (done) return <p>{String(cause)}</p>
  return (
    <form action={() => void action('Blue')} lang={lang} aria-busy={pending > 0}>
      <p>{album.status} {left} {String(isSaved)}</p>
      <button type="button" onClick={() => cancel('button')}>Stop</button>
      <button type="button" onClick={() => cancelAll()}>Stop all</button>
      <button type="button" onClick={reset}>Reset</button>
      <button type="button" onClick={() => void again.run('Blue')}>Again</button>
    </form>
  )
}

export function Page({ id, save }: Props) {
  const scope = useRef<ScopeHandle>(null)
  return (
    <Scope ref={scope} timeout={30_000} route values={[provide(locale, 'de')]}>
      <Album id={id} save={save} />
      <button type="button" onClick={() => scope.current?.cancel('Cancel button')}>Cancel</button>
    </Scope>
  )
}
`

/** What the linter finds in files with these texts. */
function findings(...texts: readonly string[]): readonly string[] {
  const folder = mkdtempSync(join(tmpdir(), 'rescind-lint-'))
  try {
    const config = join(folder, 'config.json')
    writeFileSync(config, JSON.stringify(CONFIG))
    const files = texts.map((text, index) => {
      const file = join(folder, `usage-${index}.tsx`)
      writeFileSync(file, text)
      return file
    })
    const args = ['node_modules/oxlint/bin/oxlint', '-c', config, '-f', 'unix', ...files]
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    if (stderr.includes('Failed to parse')) throw new Error(stderr)
    return stdout.split('\n').filter((line) => /\[(Error|Warning)/.test(line))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

describe('the linter', () => {
  it('finds nothing in documented usage of the hooks', () => {
    expect(findings(USAGE)).toEqual([])
    expect(USAGE).not.toContain('lint-disable')
  })

  it('finds nothing in the examples of the README and of docs', () => {
    const pages = readdirSync('docs').filter((name) => name.endsWith('.md'))
    const texts = ['README.md', ...pages.map((name) => `docs/${name}`)].map((path) => readFileSync(path, 'utf8'))
    const blocks = texts.flatMap((text) => [...text.matchAll(/```tsx\n(.*?)```/gs)].map(([, code = '']) => code))
    expect(blocks.length).toBeGreaterThan(0)
    // The compiler checks names: some are declared beside the block.
    expect(findings(...blocks).filter((line) => !line.includes('jsx-no-undef'))).toEqual([])
  })

  it.each([
    ['a missing dependency', '{ signal }), [id], {', '{ signal }), [], {', "missing dependency: 'id'"],
    ['an unnecessary dependency', '{ signal }), [id], {', '{ signal }), [id, 7], {', 'exhaustive-deps'],
    ['a hook behind a condition', '  useDeadline(ctx, null)', '  if (id) useDeadline(ctx, null)', 'conditionally'],
    ['a ref that is read in a render', '<Scope ref={scope}', '<Scope label={scope.current?.context.toString()}', 'ref'],
  ])('finds %s', (_, right, wrong, finding) => {
    expect(USAGE).toContain(right)
    expect(findings(USAGE.replace(right, wrong)).join('\n')).toContain(finding)
  })
})
