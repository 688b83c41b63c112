/**
 * Stacks, which show where something happened. Until its `stack` is read, an error retains everything that its frames
 * refer to, contexts included; so every stack is read in the same turn.
 */

/** The number of frames that are captured, and the number shown: most frames are of frameworks. */
const DEPTH = 50
const SHOWN = 12

const FRAMEWORK = /\/node_modules\/|\bnode:|<anonymous>/

/** Functions of rescind above the user's code in a stack. Each is removed once: user code may have the same names. */
const BETWEEN = [
  'toAll',
  'made',
  'ended',
  'waits',
  'works',
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

/** Captures the stack of its caller. */
export function noted(): Error {
  const { stackTraceLimit } = Error as { stackTraceLimit?: unknown }
  const isSet = typeof stackTraceLimit === 'number' && Reflect.set(Error, 'stackTraceLimit', DEPTH)
  const here = new Error('noted')
  if (isSet) Reflect.set(Error, 'stackTraceLimit', stackTraceLimit)
  return here
}

/** The frames of a captured stack, without those of rescind at the top; undefined if the engine provides none. */
export function framesOf(here: Error | undefined): string | undefined {
  const { stack } = here ?? {}
  if (typeof stack !== 'string') return undefined
  const lines = stack.split('\n').map((line) => line.trim())
  // In Chromium and Node, the stack begins with the message.
  const frames = lines.filter((line) => line !== '' && !line.startsWith('Error: noted'))
  const between = new Set(BETWEEN)
  const first = frames.findIndex((frame) => {
    // Firefox, WebKit and newer versions of V8 show some or all methods without their class.
    const name = functionOf(frame).replace(/^Recorder\./, '')
    return !/^(?:noted$|#|Object\.)/.test(name) && !between.delete(name)
  })
  const found = frames.slice(Math.max(first, 0))
  const theirs = found.filter((frame) => !FRAMEWORK.test(frame))
  return (theirs.length > 0 ? theirs : found).slice(0, SHOWN).join('\n') || undefined
}

/** The function in `at Recorder.made (file:1:2)` or, in Firefox and WebKit, in `made@file:1:2`. */
function functionOf(frame: string): string {
  return (frame.replace(/^at (?:async )?/, '').split(/[(@]/, 1)[0] ?? '').trim()
}
