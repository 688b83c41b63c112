/**
 * The simplest possible context tree: it answers every question by a search over all nodes. It shares only the
 * semantics with the source, and the property tests compare the source with it.
 */

/** Why a node ended; all nodes that ended in one step share it. */
export interface Ending {
  readonly name: 'AbortError' | 'TimeoutError'
  /** What `cause` returns; undefined if that is the error itself. */
  readonly cause: unknown
  /** The duration of a deadline of ours. */
  readonly ms?: number | undefined
}

/** What a callback or a listener does when it runs. */
export type Action =
  | { readonly does: 'nothing' | 'throw' }
  | { readonly does: 'cancel'; readonly target: number; readonly cause: unknown }
  | { readonly does: 'derive' | 'stop'; readonly target: number }

/** A context, or a foreign signal. */
export interface Node {
  readonly is: 'node'
  readonly id: number
  readonly parent: Node | undefined
  /** Whether it ends with its parent. */
  readonly follows: boolean
  /** Whether it differs from its parent only in a value. */
  readonly view: boolean
  readonly ms: number
  readonly cause: unknown
  /** In the order in which they were derived; ended ones stay. */
  readonly children: Item[]
  readonly listeners: Action[]
  due: number
  disarmed: boolean
  ended: Ending | undefined
  /** How an inspector shows its end; `completed` once it was disarmed. */
  how: 'canceled' | 'completed' | 'deadline' | 'parent' | undefined
  /** Whether its signal was read. */
  heard: boolean
}

/** A function that waits for a context's end. */
export interface Callback {
  readonly is: 'callback'
  readonly id: number
  readonly action: Action
  state: 'waiting' | 'stopped' | 'due'
}

/** The child of a foreign signal for a context that follows it beside its parent. */
interface Link {
  readonly is: 'link'
  readonly target: Node
}

type Item = Node | Callback | Link

/** How a node is derived; the defaults are those of `withCancel`. */
export interface Birth {
  readonly parent?: Node | undefined
  readonly follows?: boolean
  readonly view?: boolean
  readonly ms?: number
  readonly cause?: unknown
  readonly signals?: readonly Node[]
}

export class Model {
  now = 0
  readonly nodes: Node[] = []
  readonly callbacks: Callback[] = []
  /** What could be observed, in order. */
  readonly log: string[] = []
  #due: Callback[] = []

  derive({ parent, follows = true, view = false, ms = Infinity, cause, signals = [] }: Birth): Node {
    const node: Node = {
      is: 'node',
      id: this.nodes.length,
      parent,
      follows,
      view,
      ms,
      cause,
      children: [],
      listeners: [],
      due: this.now + ms,
      disarmed: false,
      ended: undefined,
      how: undefined,
      heard: false,
    }
    this.nodes.push(node)
    if (!parent || !follows || view) return node
    const above = baseOf(parent)
    node.ended = above.ended ?? signals.find(({ ended }) => ended)?.ended
    if (node.ended) {
      node.how = howOf(node.ended, above.ended)
      return node
    }
    above.children.push(node)
    for (const signal of new Set(signals)) signal.children.push({ is: 'link', target: node })
    if (ms <= 0) this.end(node, overdue(node))
    return node
  }

  cancel(node: Node, cause: unknown): void {
    if (!node.disarmed) this.end(node, { name: 'AbortError', cause })
  }

  disarm(node: Node): void {
    if (node.ended || node.view) return
    node.disarmed = true
    node.how = 'completed'
  }

  afterFunc(node: Node, action: Action): void {
    const callback: Callback = { is: 'callback', id: this.callbacks.length, action, state: 'waiting' }
    this.callbacks.push(callback)
    const base = baseOf(node)
    if (!base.ended) base.children.push(callback)
    else {
      callback.state = 'due'
      this.#tell(callback)
    }
  }

  stop(callback: Callback): void {
    this.log.push(`stop ${callback.id}: ${callback.state === 'waiting'}`)
    if (callback.state === 'waiting') callback.state = 'stopped'
  }

  listen(node: Node, action: Action): void {
    const base = baseOf(node)
    base.heard = true
    base.listeners.push(action)
  }

  /** No listener runs before all are marked. */
  end(node: Node, ending: Ending): void {
    this.#announce(this.#mark(node, ending))
  }

  /** Breadth first: parents before children, siblings in order. */
  #mark(node: Node, ending: Ending): ReadonlySet<Item> {
    if (node.ended) return new Set()
    const reached = new Set<Item>([node])
    for (const item of reached) {
      if (item.is === 'callback') item.state = 'due'
      if (item.is === 'link') reached.add(item.target)
      if (item.is !== 'node') continue
      item.how ??= howOf(ending, item.follows ? item.parent && baseOf(item.parent).ended : undefined)
      item.ended = ending
      for (const child of item.children) if (isWaiting(child)) reached.add(child)
    }
    return reached
  }

  #announce(reached: ReadonlySet<Item>): void {
    for (const item of reached) if (item.is !== 'link') this.#tell(item)
  }

  /** Runs the callbacks that are due, and those that become due meanwhile. */
  flush(): void {
    while (this.#due.length > 0) {
      for (const { id, action } of this.#due.splice(0)) {
        this.log.push(`callback ${id}`)
        this.#act(action, `callback ${id}`)
      }
    }
  }

  advance(ms: number): void {
    const target = this.now + ms
    this.flush()
    for (let next: Node | undefined; (next = this.pending()[0]) && next.due <= target; this.flush()) {
      this.now = next.due
      // All that is due at one time ends at once: no listener of the first can still cancel the second.
      const due = this.pending().filter((node) => node.due <= this.now)
      for (const reached of due.map((node) => this.#mark(node, overdue(node)))) this.#announce(reached)
    }
    this.now = target
  }

  /** Nodes with a pending deadline: by time, then in the order in which they were derived. */
  pending(): Node[] {
    return this.nodes
      .filter(({ due, ended, disarmed }) => due < Infinity && !ended && !disarmed)
      .toSorted((one, other) => one.due - other.due || one.id - other.id)
  }

  /** When `node` ends at the latest. */
  deadlineOf({ due, disarmed, parent, follows }: Node): number {
    const own = disarmed ? Infinity : due
    return parent && follows ? Math.min(own, this.deadlineOf(parent)) : own
  }

  /** Whether anything follows a foreign signal. */
  isFollowed(signal: Node): boolean {
    return !signal.ended && (signal.heard || signal.children.some((child) => isWaiting(child)))
  }

  #tell(item: Node | Callback): void {
    if (item.is === 'callback') this.#due.push(item)
    else {
      for (const action of item.listeners) {
        this.log.push(`listener of ${item.id}`)
        this.#act(action, `listener of ${item.id}`)
      }
    }
  }

  #act(action: Action, who: string): void {
    const target = 'target' in action ? (this.nodes[action.target] as Node) : undefined
    if (action.does === 'throw') this.log.push(`thrown by ${who}`)
    if (action.does === 'derive') this.derive({ parent: target })
    if (action.does === 'cancel' && target) this.cancel(target, action.cause)
    if (action.does === 'stop') this.stop(this.callbacks[action.target] as Callback)
  }
}

function overdue({ cause, ms }: Node): Ending {
  return { name: 'TimeoutError', cause, ms }
}

/** How a node ends with `ending`, where `above` is the ending of its parent. */
function howOf(ending: Ending, above: Ending | undefined): 'canceled' | 'deadline' | 'parent' {
  if (above === ending) return 'parent'
  return ending.name === 'TimeoutError' ? 'deadline' : 'canceled'
}

/** The node whose end `node` shares. */
export function baseOf(node: Node): Node {
  return node.view && node.parent ? baseOf(node.parent) : node
}

function isWaiting(item: Item): boolean {
  if (item.is === 'callback') return item.state === 'waiting'
  const node = item.is === 'link' ? item.target : item
  return !node.ended && !(item.is === 'link' && node.disarmed)
}
