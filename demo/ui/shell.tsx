/** The page around the scenarios. */

import { useEffect, useRef, useState } from 'react'
import type { ReactElement } from 'react'
import { address } from './address.ts'
import { catalog } from './catalog.ts'
import { Front } from './front.tsx'
import { Inspector } from './inspector.tsx'
import type { Link } from './link.ts'
import { SERVER_NAMES } from './server.ts'
import { Stage } from './stage.tsx'
import { useStore } from './store.ts'

export function Shell({ link }: { link: Link }): ReactElement {
  const current = useStore(address)
  const { server } = useStore(link)
  const { listed, view } = current
  const id = listed?.id ?? ''
  const list = useRef<HTMLElement>(null)
  const [isInspected, setInspected] = useState(false)

  // On a narrow screen the list is one line that scrolls.
  useEffect(() => {
    list.current?.querySelector(`[href="#/${id}"]`)?.scrollIntoView({ block: 'nearest', inline: 'center' })
  }, [id])

  return (
    <div className="shell" data-inspected={isInspected}>
      <header className="masthead">
        <a className="brand" href="#/">
          rescind
        </a>
        <p>Go’s context for the browser and React. Watch real work stop.</p>
        <p className="host">{server && SERVER_NAMES[server.kind]}</p>
        <button type="button" aria-expanded={isInspected} onClick={() => setInspected(!isInspected)}>
          {view === 'front' ? 'Open the inspector' : 'Inspector'}
        </button>
      </header>
      <nav ref={list} aria-label="Scenarios">
        <ul>
          <li>
            <a href="#/" aria-current={view === 'front' ? 'page' : undefined}>
              Side by side
            </a>
          </li>
          {catalog.map(({ id, scenario }) => (
            <li key={id}>
              <a href={`#/${id}`} aria-current={id === listed?.id ? 'page' : undefined}>
                {scenario.title}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      {view === 'front' ? (
        <Front link={link} />
      ) : listed === undefined ? (
        <main>
          <h1>No such scenario</h1>
          <p className="about">This address names a scenario that does not exist. Choose one from the list.</p>
        </main>
      ) : (
        <Stage key={listed.id} listed={listed} address={current} link={link} />
      )}
      <Inspector open={isInspected} onOpenChange={setInspected} />
    </div>
  )
}
