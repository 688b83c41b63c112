/** A turn of the event loop, taken as a task that neither waits as timers do nor is replaced by fake ones. */

/** Resolves in a later turn. All microtasks are through by then; the order among tasks is the engine's own. */
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
