/** Comparison of dependencies as in React: item by item, by `Object.is`. */

export function sameItems(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((item, index) => Object.is(item, other[index]))
}

/** Does what {@link sameItems} does, for deps that may be undefined. */
export function sameDeps(one: readonly unknown[] | undefined, other: readonly unknown[] | undefined): boolean {
  return one && other ? sameItems(one, other) : one === other
}
