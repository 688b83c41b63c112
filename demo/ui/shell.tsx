/** The front page and the examples, with the masthead and the inspector that they share. */

import { lazy, Suspense, useState } from 'react'
import type { ReactElement } from 'react'
import { Route, Routes, useLocation, useParams } from 'react-router'
import { Front } from './front.tsx'
import { Inspector } from './inspector.tsx'
import type { Link } from './link.ts'
import { Masthead } from './masthead.tsx'
import { SERVER_NAMES } from './server.ts'
import { useStore } from './store.ts'
import { Waiting } from './waiting.tsx'

const Example = lazy(async () => {
  const { Example } = await import('./example.tsx')
  return { default: Example }
})

export function Shell({ link }: { link: Link }): ReactElement {
  const { server } = useStore(link)
  const { pathname } = useLocation()
  const [isInspected, setInspected] = useState(false)
  return (
    <div className="shell" data-inspected={isInspected}>
      <Masthead
        root=""
        part={pathname === '/' ? 'front' : 'examples'}
        reference={import.meta.env.MODE === 'demo-site' ? 'there' : 'missing'}
      >
        <p className="host">{server && SERVER_NAMES[server.kind]}</p>
        <button type="button" aria-expanded={isInspected} onClick={() => setInspected(!isInspected)}>
          {pathname === '/' ? 'Open the inspector' : 'Inspector'}
        </button>
      </Masthead>
      <Suspense fallback={<Waiting label="Loading the example" />}>
        <Routes>
          <Route index element={<Front link={link} />} />
          <Route path="*" element={<Addressed link={link} />} />
        </Routes>
      </Suspense>
      <Inspector open={isInspected} onOpenChange={setInspected} />
    </div>
  )
}

function Addressed({ link }: { link: Link }) {
  const { '*': id = '' } = useParams()
  return <Example id={id} link={link} />
}
