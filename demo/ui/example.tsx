/** The page of an example: the list of all examples, and the one that runs. */

import { Suspense, use, useEffect, useRef } from 'react'
import type { ReactElement } from 'react'
import { useSetup } from './address.ts'
import { catalog, scenarioOf } from './catalog.ts'
import type { Listed } from './catalog.ts'
import type { Link } from './link.ts'
import { Stage } from './stage.tsx'
import { Waiting } from './waiting.tsx'

export interface ExampleProps {
  /** The id in the address. */
  readonly id: string
  readonly link: Link
}

export function Example({ id, link }: ExampleProps): ReactElement {
  const listed = catalog.find((listed) => listed.id === id)
  const menu = useRef<HTMLElement>(null)
  return (
    <div className="columns">
      <div className="menus">
        <button type="button" popoverTarget="examples">
          {listed?.title ?? 'Choose an example'}
          <span>
            {listed === undefined ? '' : `${catalog.indexOf(listed) + 1} of `}
            {catalog.length} examples
          </span>
        </button>
      </div>
      <nav ref={menu} className="sidebar" id="examples" popover="auto" aria-label="Examples">
        <ul>
          {catalog.map(({ id, title }) => (
            <li key={id}>
              <a
                href={`#/${id}`}
                aria-current={id === listed?.id ? 'page' : undefined}
                onClick={() => menu.current?.hidePopover()}
              >
                {title}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      {listed === undefined ? (
        <main>
          <h1>No such example</h1>
          <p className="about">There is no example at this address. Choose one from the list.</p>
        </main>
      ) : (
        <main>
          <h1>{listed.title}</h1>
          <Suspense fallback={<Waiting label="Loading the example" />}>
            <Played key={listed.id} listed={listed} link={link} />
          </Suspense>
        </main>
      )}
    </div>
  )
}

function Played({ listed: { id, title }, link }: { listed: Listed; link: Link }) {
  const scenario = use(scenarioOf(id))
  const [setup, change] = useSetup(scenario)
  useEffect(() => {
    document.title = `${title} · rescind`
  }, [title])
  return (
    <>
      <p className="about">{scenario.about}</p>
      <Stage id={id} scenario={scenario} setup={setup} onChange={change} link={link} extent="page" />
    </>
  )
}
