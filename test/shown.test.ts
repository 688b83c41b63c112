/** Text from outside, as messages show it. */

import { describe, expect, it } from 'vitest'
import { isOneLine, shown } from '../src/shown.ts'

describe('shown', () => {
  it.each([
    ['a line feed', 'a\nb', '\\u000a'],
    ['a carriage return', 'a\rb', '\\u000d'],
    ['a tab', 'a\tb', '\\u0009'],
    ['an escape sequence of a terminal', 'a\u001bb', '\\u001b'],
    ['the byte zero', 'a\0b', '\\u0000'],
    ['a delete', 'a\u007fb', '\\u007f'],
    ['a control sequence introducer of eight bits', 'a\u009bb', '\\u009b'],
    ['a next line', 'a\u0085b', '\\u0085'],
    ['a line separator', 'a\u2028b', '\\u2028'],
    ['a paragraph separator', 'a\u2029b', '\\u2029'],
    ['a right-to-left override', 'a\u202eb', '\\u202e'],
    ['an isolate', 'a\u2066b', '\\u2066'],
    ['a right-to-left mark', 'a\u200fb', '\\u200f'],
    ['half of a surrogate pair', 'a\ud83cb', '\\ud83c'],
  ])('escapes %s', (_, text, escape) => {
    expect(shown(text)).toBe(`a${escape}b`)
  })

  it.each(['plain', 'two words', 'zoë', 'שלום', '日本', '🎵', '"quoted" \\ back', ''])('keeps %j as it is', (text) => {
    expect(shown(text)).toBe(text)
  })

  it('cuts at 200 characters, or at the given length', () => {
    expect(shown('x'.repeat(200))).toBe('x'.repeat(200))
    expect(shown('x'.repeat(201))).toBe(`${'x'.repeat(200)}…`)
    expect(shown('abcdef', 3)).toBe('abc…')
  })

  it('escapes half of a surrogate pair where it cuts', () => {
    expect(shown('ab🎵', 3)).toBe('ab\\ud83c…')
  })
})

describe('isOneLine', () => {
  it.each(['plain', 'zoë', '🎵', 'a\u200fb', ''])('accepts %j', (text) => {
    expect(isOneLine(text)).toBe(true)
  })

  it.each(['a\nb', 'a\tb', '\u001b', '\u0085', '\u2028', '\u2029', '\u202e', '\u2067'])('refuses %j', (text) => {
    expect(isOneLine(text)).toBe(false)
  })
})
