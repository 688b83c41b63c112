/** Records a value of a component at each render. */
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
