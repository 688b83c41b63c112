/** The core has one observer; if several inspectors are attached, this observer forwards every call to them. */

import { watch } from '../observer.ts'
import type { Observer } from '../observer.ts'

const attached = /* @__PURE__ */ new Set<Observer>()

/** Attaches `observer`. Returns a function that detaches it. */
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
