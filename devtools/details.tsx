/** The details of one context: how it ended, the chain of causes up to the call that ended it, and other facts. */

import type { ReactElement } from 'react'
import type { Row, Warning } from '../src/inspect/index.ts'
import { chainOf } from './outline.ts'
import { duration, leftOf, nameOf, outcomeOf } from './words.ts'

export interface DetailsProps {
  readonly row: Row
  readonly rows: readonly Row[]
  readonly warnings: readonly Warning[]
  readonly at: number
  /** Undefined if the context cannot be canceled: in a recording, and after its end. */
  readonly onCancel: (() => void) | undefined
  readonly onSelect: (id: number) => void
  readonly onClose: () => void
}

export function Details({ row, rows, warnings, at, onCancel, onSelect, onClose }: DetailsProps): ReactElement {
  const { born, deadline, deadlineOf, ended, how, late, stacks, trace, values, waits, place } = row
  const chain = chainOf(row, rows)
  const origin = chain.at(-1) ?? row
  const own = warnings.filter((warning) => warning.row === row.id)
  const limiter = rows.find(({ id }) => id === deadlineOf)
  const allowed = deadline !== undefined && how !== undefined ? `${duration(deadline - born)} after it was made` : ''

  const facts: readonly (readonly [string, string | undefined])[] = [
    ['Where', place],
    ['Lived', `${late ? 'at least ' : ''}${duration((ended ?? at) - born)}${how === undefined ? ' so far' : ''}`],
    ['Deadline', leftOf(row, at) ?? allowed],
    ['Set by', limiter && limiter !== row ? `#${limiter.id} ${nameOf(limiter)}` : undefined],
    [how === undefined ? 'Waiting' : 'Interrupted', waits.join(', ')],
    ['Values', values.map(({ name, value }) => (value === undefined ? name : `${name} = ${value}`)).join(', ')],
    ['Trace', trace],
  ]
  return (
    <aside className="details" aria-label={`Context #${row.id}`}>
      <header>
        <h2>
          #{row.id} {nameOf(row)}
        </h2>
        <button type="button" className="plain" aria-label="Close the details" onClick={onClose}>
          ✕
        </button>
      </header>
      <p className="outcome" data-how={how ?? 'alive'}>
        {outcomeOf(row)}
      </p>
      {onCancel && (
        <button type="button" onClick={onCancel}>
          Cancel this context
        </button>
      )}
      <dl>
        {facts.map(([term, text]) =>
          text ? (
            <div key={term}>
              <dt>{term}</dt>
              <dd>{text}</dd>
            </div>
          ) : null,
        )}
      </dl>
      {how !== undefined && (
        <>
          <h3>Why it ended</h3>
          <ol className="chain">
            {chain.map((link) => (
              <li key={link.id}>
                {link === row ? (
                  'This context'
                ) : (
                  <button type="button" className="plain" onClick={() => onSelect(link.id)}>
                    #{link.id} {nameOf(link)}
                  </button>
                )}{' '}
                {outcomeOf(link)}
              </li>
            ))}
            <li>{callOf(origin)}</li>
          </ol>
        </>
      )}
      {own.map(({ code, message }) => (
        <p key={code + message} className="warning">
          <b>{code}</b> {message}
        </p>
      ))}
      <Stack title="Made" frames={stacks?.made} />
      <Stack title="Ended" frames={origin.stacks?.ended} />
      {stacks?.waits.map((frames, index) => (
        // oxlint-disable-next-line react/no-array-index-key -- a list that never changes
        <Stack key={index} title={how === undefined ? 'Waiting' : 'Interrupted while waiting'} frames={frames} />
      ))}
    </aside>
  )
}

/** Frames of rescind's own `cancel`, which stacks contain if rescind is not in `node_modules`. */
const OURS = /ContextNode\.cancel|^cancel@.*\bcontext\.[jt]s/

/** What began the end: a deadline, the garbage collector, or a call, if stacks were recorded. */
function callOf({ how, stacks }: Row): ReactElement | string {
  const frame = stacks?.ended?.split('\n').find((line) => !OURS.test(line))
  if (how === 'deadline') return 'Its deadline was exceeded.'
  if (how === 'collected') return 'It was unreachable, and was garbage-collected.'
  if (frame !== undefined) return <code>{frame}</code>
  return 'The call was not recorded: pass stacks: true to inspect().'
}

function Stack({ title, frames }: { readonly title: string; readonly frames: string | undefined }) {
  if (frames === undefined) return null
  return (
    <>
      <h3>{title}</h3>
      <pre>{frames}</pre>
    </>
  )
}
