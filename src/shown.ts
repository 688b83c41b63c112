/**
 * Text from outside as it is shown in messages, labels and logs: on one line, with nothing in it that a terminal or a
 * reader could take for something else, and not too long.
 */

/** Control characters, line and paragraph separators, and what changes the direction of text. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_C}]/gu

/** @param max how many characters of `text` are shown at most */
export function shown(text: string, max = 200): string {
  const cut = text.length > max ? `${text.slice(0, max)}…` : text
  return cut.replaceAll(UNPRINTABLE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
