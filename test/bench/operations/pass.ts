/** Real time that passes: these benchmarks ask libraries that know no other clock. */

export function pass(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms))
}

/** What `promise` has come to after `ms`. */
export async function after(ms: number, promise: Promise<unknown>): Promise<'result' | 'error' | 'pending'> {
  return Promise.race([
    promise.then(
      () => 'result' as const,
      () => 'error' as const,
    ),
    pass(ms).then(() => 'pending' as const),
  ])
}
