/** Keeps what a component has at each render, for the test to look at. */
export function watch<T>(): { readonly all: T[]; readonly last: T; see(value: T): T } {
  const all: T[] = []
  return {
    all,
    get last() {
      return all.at(-1) as T
    },
    see(value) {
      all.push(value)
      return value
    },
  }
}
