/** Random input for the fuzzers: the same seed gives the same input. */

/** Texts that break parsers: empty, long, with control characters, and with keywords of the protocols. */
const TEXTS = [
  ['', ' ', '0', '-1', '1.5', '1e9', 'NaN', 'Infinity', '9'.repeat(10), '9'.repeat(400), 'x'.repeat(9_000)],
  ['a\nb', '\r\n', '\0', '\u001b[2J', '\u0085', '\u009b', '\u2028', '\u2029', '\u202e', '\u2066', '\ud83c', '🎵', 'é'],
  ['%', '%zz', '%00', '%0a', '%e2%80%ae', '%c3', ',', ';', '=', '"', '\\', '\t', '=,=;=', ',,,'],
  ['AbortError', 'TimeoutError', 'AggregateError', '__proto__', 'constructor', 'toString', 'then'],
].flat()

/** The keywords that decide how the rest of a message is read. */
const KINDS = ['begin', 'move', 'end', 'over', 'ready', 'memory', 'value', 'error', 'canceled', 'exceeded']

const NUMBERS = [0, -0, 1, -1, 0.5, 2, 1_000, 2 ** 31, 2 ** 32, 2 ** 53, 1e308, 5e-324, NaN, Infinity, -Infinity]

export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  /** At least 0 and less than 1, by mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** An integer of at least 0 and less than `count`. */
  below(count: number): number {
    return Math.floor(this.next() * count)
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T
  }

  text(): string {
    if (this.chance(0.2)) return this.pick(KINDS)
    if (this.chance(0.5)) return this.pick(TEXTS)
    return Array.from({ length: this.below(8) }, () => this.pick(TEXTS).slice(0, 50)).join('')
  }

  /** Any data that can be cloned. */
  data(depth = 3): unknown {
    const kind = this.below(depth > 0 ? 16 : 8)
    if (kind < 2) return this.text()
    if (kind < 4) return this.pick(NUMBERS)
    if (kind < 8) return this.pick([undefined, null, true, 7n, new Date(NaN), /x/, new Uint8Array(this.below(99))])
    const members = Array.from({ length: this.below(5) }, () => this.data(depth - 1))
    if (kind < 10) return members
    if (kind === 10) return new Map(members.map((member) => [this.text(), member]))
    if (kind === 11) return new Set(members)
    if (kind === 12) return Object.assign(new Error(this.text()), { cause: members[0] })
    if (kind === 13) return Object.assign([], { length: this.pick([5, 2_000, 4_000_000_000]) })
    const object: Record<string, unknown> = Object.fromEntries(members.map((member) => [this.text(), member]))
    if (kind === 14) object.cause = object
    return object
  }

  /** `value` with a change somewhere. */
  mutatedText(value: string): string {
    const at = this.below(value.length + 1)
    const rest = this.chance(0.5) ? value.slice(at) : value.slice(at + 1 + this.below(3))
    return this.pick([value.slice(0, at), '']) + this.pick([this.text(), '', value]) + rest
  }

  /** A copy of `value` with something replaced, omitted or added. */
  mutated(value: unknown, depth = 6): unknown {
    if (depth === 6 && this.chance(0.6)) return this.#nudged(value)
    if (depth === 0 || typeof value !== 'object' || value === null || this.chance(0.15)) return this.data()
    const isPlain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype
    const names = Object.keys(value)
    if (!isPlain || names.length === 0) return this.data()
    const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...value }) as Record<string, unknown>
    const name = this.pick(names)
    const change = this.below(8)
    if (change === 0) delete copy[name]
    else if (change === 1) copy[this.text()] = this.data()
    else if (change === 2) copy[name] = value
    else copy[name] = this.mutated(copy[name], depth - 1)
    return copy
  }

  /** A copy of `value` with one of its objects replaced by one of `donor`: readable, but in the wrong place. */
  grafted(value: unknown, donor: unknown): unknown {
    const copy = structuredClone({ value })
    const [holder, name] = this.pick(partsOf(copy).filter(([holder, name]) => isObject(holder[name]))) ?? []
    const [giver, part] = this.pick(partsOf({ donor }).filter(([holder, name]) => isObject(holder[name]))) ?? []
    if (holder && name !== undefined && giver && part !== undefined) holder[name] = giver[part]
    return copy.value
  }

  /** A copy of `value` with another value of the same type in one leaf, so the rest stays readable. */
  #nudged(value: unknown): unknown {
    const copy = structuredClone({ value })
    const leaf = this.pick(partsOf(copy).filter(([holder, name]) => !isObject(holder[name])))
    if (!leaf) return this.data()
    const [holder, name] = leaf
    const type = typeof holder[name]
    holder[name] = type === 'number' ? this.pick(NUMBERS) : type === 'string' ? this.text() : this.data()
    return copy.value
  }
}

type Part = readonly [holder: Record<string, unknown>, name: string]

/** Everything in `data`: the object that contains it, and its name there. */
function partsOf(data: object): Part[] {
  const parts: Part[] = []
  const seen = new Set<object>()
  const rest = [data]
  for (let holder; (holder = rest.pop());) {
    if (seen.has(holder)) continue
    seen.add(holder)
    for (const [name, value] of Object.entries(holder)) {
      parts.push([holder as Record<string, unknown>, name])
      if (isObject(value)) rest.push(value)
    }
  }
  return parts
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
