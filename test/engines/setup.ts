/** Features that the tests need and an engine lacks. The sources are loaded before, so they work without. */

await import('rescind')

declare const TestUtils: { gc(): Promise<void> } | undefined

// Firefox has a collector for its own tests. WebKit has none, but large buffers make it collect.
const gc = typeof TestUtils === 'object' ? () => void TestUtils.gc() : collect
if (!('gc' in globalThis)) Object.assign(globalThis, { gc })

function collect(): void {
  overwriteStack(200)
  for (let i = 0; i < 40; i++) void new ArrayBuffer(2 ** 24)
}

/** WebKit treats stale values on the stack as references. */
function overwriteStack(depth: number): number {
  return depth && overwriteStack(depth - 1) + depth
}

for (const name of ['dispose', 'asyncDispose']) {
  if (!(name in Symbol)) Object.defineProperty(Symbol, name, { value: Symbol.for(`Symbol.${name}`) })
}
