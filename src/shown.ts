/**
 * Text from outside, on its way into a message, a label or a log. One value is one short line there: it cannot pass for
 * several lines, reorder the text around it, or drive a terminal. Everything that shows such text uses this file.
 */

/** Control characters, separators of lines, halves of surrogate pairs, and what directs bidirectional text. */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}]/gu

/** The same without the three marks of direction, which names in Arabic and Hebrew contain, and without surrogates. */
const NOT_OF_ONE_LINE = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u

/**
 * `text` as one line of at most `max` characters, followed by `…` if it was longer. Unsafe characters appear as escape
 * sequences, such as `\u000a` for a line feed, and do not count towards `max`.
 */
export function shown(text: string, max = 200): string {
  // Cut first, so that a long text costs no more than a short one.
  const start = text.length > max ? `${text.slice(0, max)}…` : text
  return start.replaceAll(UNSAFE, (unsafe) => `\\u${unsafe.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Whether `text` can go into a log as it is: without control characters, separators and bidirectional overrides. */
export function isOneLine(text: string): boolean {
  return !NOT_OF_ONE_LINE.test(text)
}
