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

/** One name for all: stacks are cut below it. */
const all: Observer = {
  made: function toAll(node) {
    for (const one of attached) one.made(node)
  },
  handed: function toAll(node, cancel) {
    for (const one of attached) one.handed(node, cancel)
  },
  ended: function toAll(...end) {
    for (const one of attached) one.ended(...end)
  },
  changed: function toAll(node) {
    for (const one of attached) one.changed(node)
  },
  completed: function toAll(node) {
    for (const one of attached) one.completed(node)
  },
  waits: function toAll(...wait) {
    for (const one of attached) one.waits(...wait)
  },
  left: function toAll(waiter) {
    for (const one of attached) one.left(waiter)
  },
  works: function toAll(node, name) {
    const ends: (() => void)[] = []
    for (const one of attached) ends.push(one.works(node, name))
    return () => ends.forEach((end) => end())
  },
  explain: (node) => [...attached].map((one) => one.explain(node)).find(Boolean) ?? '',
}
