/** Numbers with their units, for people. */

export function milliseconds(ms: number): string {
  return ms > 0 && ms < 0.5 ? '< 1 ms' : `${Math.round(ms)} ms`
}

export function bytes(count: number): string {
  return count < 1000 ? `${count} B` : `${(count / 1000).toFixed(1)} kB`
}
