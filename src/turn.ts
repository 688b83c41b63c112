/**
 * A turn of the event loop, by a message. Unlike a timer, a message has no minimum delay, and fake timers do not
 * replace it. Without `MessageChannel`, a timer has to do.
 */

/** Resolves in a later turn, after all queued microtasks. Its order among other tasks depends on the engine. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof MessageChannel === 'undefined') return setTimeout(resolve)
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(undefined)
  })
}
