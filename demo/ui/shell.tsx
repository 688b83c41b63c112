/** The pages that run: the front page and the examples, with what all of them share. */

import { useEffect, useRef, useState } from 'react'
import type { ReactElement } from 'react'
import { Route, Routes, useLocation, useParams } from 'react-router'
import { useSetup } from './address.ts'
import { catalog, find } from './catalog.ts'
import type { Listed } from './catalog.ts'
import { Front } from './front.tsx'
import { Inspector } from './inspector.tsx'
import type { Link } from './link.ts'
import { Masthead } from './masthead.tsx'
import { SERVER_NAMES } from './server.ts'
import { Stage } from './stage.tsx'
import { useStore } from './store.ts'

export function Shell({ link }: { link: Link }): ReactElement {
  const { server } = useStore(link)
  const { pathname } = useLocation()
  const [isInspected, setInspected] = useState(false)
  return (
    <div className="shell" data-inspected={isInspected}>
      <Masthead
        root="./"
        part={pathname === '/' ? 'front' : 'examples'}
        reference={import.meta.env.PROD ? 'there' : 'missing'}
      >
        <p className="host">{server && SERVER_NAMES[server.kind]}</p>
        <button type="button" aria-expanded={isInspected} onClick={() => setInspected(!isInspected)}>
          {pathname === '/' ? 'Open the inspector' : 'Inspector'}
        </button>
      </Masthead>
      <Routes>
        <Route index element={<Front link={link} />} />
        <Route path="*" element={<Example link={link} />} />
      </Routes>
      <Inspector open={isInspected} onOpenChange={setInspected} />
    </div>
  )
}

function Example({ link }: { link: Link }) {
  const { '*': id = '' } = useParams()
  const listed = find(id)
  const menu = useRef<HTMLElement>(null)
  return (
    <div className="columns">
      <div className="bar">
        <button type="button" popoverTarget="examples">
          {listed?.scenario.title ?? 'Choose an example'}
          <span>
            {listed === undefined ? '' : `${catalog.indexOf(listed) + 1} of `}
            {catalog.length} examples
          </span>
        </button>
      </div>
      <nav ref={menu} className="sidebar" id="examples" popover="auto" aria-label="Examples">
        <ul>
          {catalog.map(({ id, scenario }) => (
            <li key={id}>
              <a
                href={`#/${id}`}
                aria-current={id === listed?.id ? 'page' : undefined}
                onClick={() => menu.current?.hidePopover()}
              >
                {scenario.title}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      {listed === undefined ? (
        <main>
          <h1>No such scenario</h1>
          <p className="about">This address names a scenario that does not exist. Choose one from the list.</p>
        </main>
      ) : (
        <Played key={listed.id} listed={listed} link={link} />
      )}
    </div>
  )
}

function Played({ listed, link }: { listed: Listed; link: Link }) {
  const { title, about } = listed.scenario
  const [setup, change] = useSetup(listed.scenario)
  useEffect(() => {
    document.title = `${title} · rescind`
  }, [title])
  return (
    <main>
      <h1>{title}</h1>
      <p className="about">{about}</p>
      <Stage listed={listed} setup={setup} onChange={change} link={link} extent="page" />
    </main>
  )
}
