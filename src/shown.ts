/**
 * Untrusted text in a message, a label or a log. Each value is shown as one short line: it cannot add lines, reorder
 * the text around it, or send commands to a terminal. All code that shows such text uses this file.
 */

/** Control characters, line separators, lone surrogates, and controls of bidirectional text. */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}]/gu

/** `UNSAFE` without surrogates, and without the three direction marks, which Arabic and Hebrew names contain. */
const NOT_OF_ONE_LINE = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u

/**
 * Returns `text` as one line: its first `max` characters, followed by `…` if it was longer. Unsafe characters become
 * escape sequences, such as `\u000a` for a line feed, which count as one character.
 */
export function shown(text: string, max = 200): string {
  // Cut first: a long text then takes no more time than a short one.
  const start = text.length > max ? `${text.slice(0, max)}…` : text
  return start.replaceAll(UNSAFE, (unsafe) => `\\u${unsafe.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Whether `text` can go into a log as it is: without control characters, separators and bidirectional overrides. */
export function isOneLine(text: string): boolean {
  return !NOT_OF_ONE_LINE.test(text)
}
