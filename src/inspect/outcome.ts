/**
 * How an end came about: the way in which a context ended, and the context where the end began. The core stores neither
 * of them. Both follow from the `Ending` object, which all contexts of the same end share, and from the hint of
 * `finish`.
 */

import { ContextNode } from '../context.ts'
import type { Ending } from '../context.ts'
import { Deadline } from '../deadlines.ts'
import { property } from '../errors.ts'
import type { Hint } from '../observer.ts'
import type { How } from './rows.ts'

export interface Outcome {
  readonly how: How
  /** The context where the end began; undefined if that is the ended context itself. */
  readonly origin: ContextNode | undefined
  /** Whether it ended together with its parent. A signal or a link also ends contexts whose parent lives on. */
  readonly isFromParent: boolean
}

/**
 * @param head the context whose end includes the end of `node`; may be `node` itself
 * @param hint how `head` ended, if its `dispose` or its operation ended it
 */
export function outcomeOf(node: ContextNode, head: ContextNode, ending: Ending, hint: Hint | undefined): Outcome {
  const origin = originOf(ending, head)
  const isFromParent = node.parent !== undefined && node.parent.node.ended === ending
  return {
    how: hint ?? (isFromParent ? 'parent' : isTimeout(ending) ? 'deadline' : 'canceled'),
    origin: origin === node ? undefined : origin,
    isFromParent,
  }
}

/** The context where `ending` began. */
function originOf(ending: Ending, head: ContextNode): ContextNode {
  const { node } = ending as { node?: unknown }
  return node instanceof ContextNode ? node : head
}

function isTimeout(ending: Ending): boolean {
  return ending instanceof Deadline || (!('node' in ending) && property(ending.error, 'name') === 'TimeoutError')
}
