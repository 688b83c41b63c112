/**
 * Where something happened. An error holds on to everything its frames mention until its stack is read, contexts
 * included, so one that is only noted is read in the same turn.
 */

/** How many frames are noted, and how many of them are shown: most are of frameworks. */
const DEPTH = 50
const SHOWN = 12

const FRAMEWORK = /\/node_modules\/|\bnode:|<anonymous>/

/** The functions of ours that stand between what happened and the note of it. A user may have others of these names. */
const BETWEEN = [
  'derive',
  'noteEnd',
  'waiting',
  'waitFor',
  'mark',
  'end',
  'cancel',
  'finish',
  'dispose',
  'keptAlive',
  'fetch',
]

/** Notes where it is called. */
export function noted(): Error {
  const { stackTraceLimit } = Error as { stackTraceLimit?: unknown }
  const isSet = typeof stackTraceLimit === 'number' && Reflect.set(Error, 'stackTraceLimit', DEPTH)
  const here = new Error('noted')
  if (isSet) Reflect.set(Error, 'stackTraceLimit', stackTraceLimit)
  return here
}

/** The frames of a note, without those of ours at its top; undefined where the engine has none. */
export function framesOf(here: Error | undefined): string | undefined {
  const { stack } = here ?? {}
  if (typeof stack !== 'string') return undefined
  const lines = stack.split('\n').map((line) => line.trim())
  // Chromium and Node put the message first.
  const frames = lines.filter((line) => line !== '' && !line.startsWith('Error: noted'))
  const between = new Set(BETWEEN)
  const first = frames.findIndex((frame) => {
    const name = functionOf(frame)
    // Newer engines have a private method without its class: `#noteEnd`.
    return !/^(?:noted$|#|.*Recorder|.*forEach|Object\.)/.test(name) && !between.delete(name)
  })
  const found = frames.slice(Math.max(first, 0))
  const theirs = found.filter((frame) => !FRAMEWORK.test(frame))
  return (theirs.length > 0 ? theirs : found).slice(0, SHOWN).join('\n') || undefined
}

/** `at Recorder.made (file:1:2)`, or in Firefox and WebKit, `made@file:1:2`. */
function functionOf(frame: string): string {
  return (frame.replace(/^at (?:async )?/, '').split(/[(@]/, 1)[0] ?? '').trim()
}
