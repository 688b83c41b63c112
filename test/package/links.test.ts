/**
 * The links of the README and of the pages: those into the repository lead to existing files, and anchors to headings,
 * as a code host makes them. Links to other sites are not followed.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import GithubSlugger from 'github-slugger'
import { describe, expect, it } from 'vitest'

const documents = [
  ...readdirSync('.').filter((name) => name.endsWith('.md')),
  ...readdirSync('docs', { encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

describe.each(documents)('%s', (path) => {
  it('has no broken link into the repository', () => {
    expect(brokenLinks(path, readFileSync(path, 'utf8'))).toEqual([])
  })
})

describe('a link', () => {
  it('is broken where the file or the heading is missing', () => {
    const broken = ['docs/missing.md', 'docs/missing.jpg', 'docs/start.md#missing', '#three-words']
    const links = ['docs/start.md', '#two-words', ...broken].map((link) => `[a](${link})`)
    expect(brokenLinks('README.md', `${links.join(' ')}\n\n## Two words!`)).toEqual(broken)
  })

  it('is ignored within code', () => {
    expect(brokenLinks('README.md', '`[a](missing.md)`\n\n```ts\nlist[0](missing)\n```')).toEqual([])
  })
})

describe('the README', () => {
  it('links to every page', () => {
    const readme = readFileSync('README.md', 'utf8')
    expect(documents.filter((path) => path !== 'README.md' && !readme.includes(`](${path}`))).toEqual([])
  })

  it('has at most 250 lines', () => {
    expect(readFileSync('README.md', 'utf8').split('\n').length).toBeLessThanOrEqual(251)
  })
})

function brokenLinks(path: string, text: string): string[] {
  const links = [
    ...prose(text)
      .replaceAll(/`[^`\n]*`/g, '')
      .matchAll(/\]\(([^)\s]+)\)/g),
  ].map(([, link = '']) => link)
  return links.filter((link) => !/^https?:/.test(link) && !leadsSomewhere(path, text, link))
}

function leadsSomewhere(path: string, text: string, link: string): boolean {
  const [file = '', anchor] = link.split('#')
  const target = file === '' ? path : relative('.', join(dirname(path), file))
  if (file !== '' && !existsSync(target)) return false
  return anchor === undefined || anchorsOf(file === '' ? text : readFileSync(target, 'utf8')).includes(anchor)
}

/** The anchors of the headings, by the rules of GitHub. */
function anchorsOf(text: string): string[] {
  const slugger = new GithubSlugger()
  return [...prose(text).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) => slugger.slug(heading))
}

function prose(text: string): string {
  return text.replaceAll(/^ *```[^]*?^ *```$/gm, '')
}
