/** The core has room for one observer: where there are several, that one tells them all. */

import { watch } from '../observer.ts'
import type { Observer } from '../observer.ts'

const attached = /* @__PURE__ */ new Set<Observer>()

/** Has `observer` look on from now on. Returns what stops that. */
export function observe(observer: Observer): () => void {
  attached.add(observer)
  install()
  return () => {
    attached.delete(observer)
    install()
  }
}

function install(): void {
  const [first, second] = attached
  watch.observer = second ? all : first
}

const all: Observer = {
  made: (node) => attached.forEach((one) => one.made(node)),
  handed: (node, cancel) => attached.forEach((one) => one.handed(node, cancel)),
  ended: (...end) => attached.forEach((one) => one.ended(...end)),
  changed: (node) => attached.forEach((one) => one.changed(node)),
  completed: (node) => attached.forEach((one) => one.completed(node)),
  waits: (...wait) => attached.forEach((one) => one.waits(...wait)),
  left: (waiter) => attached.forEach((one) => one.left(waiter)),
  works(node, name) {
    const ends = [...attached].map((one) => one.works(node, name))
    return () => ends.forEach((end) => end())
  },
  explain: (node) => [...attached].map((one) => one.explain(node)).find(Boolean) ?? '',
}
