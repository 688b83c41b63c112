/** A live scenario in a page of the manual. Its code is loaded when the reader scrolls near it. */

import { StrictMode, Suspense, use, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { setupOf } from './address.ts'
import type { Setup } from './address.ts'
import { scenarioOf } from './catalog.ts'
import { Link } from './link.ts'
import { fromRoot } from './root.ts'
import { Stage } from './stage.tsx'
import { Waiting } from './waiting.tsx'

let link: Link | undefined

/** Plays the scenario called `id` in `place`. All scenarios of a page share one connection to the server's log. */
export function playIn(place: Element, id: string): void {
  if (link === undefined) {
    link = new Link()
    link.connect()
  }
  createRoot(place).render(
    <StrictMode>
      <Suspense fallback={<Waiting label="Loading the example" />}>
        <Island id={id} link={link} />
      </Suspense>
    </StrictMode>,
  )
}

function Island({ id, link }: { id: string; link: Link }) {
  const scenario = use(scenarioOf(id))
  const [setup, setSetup] = useState<Setup>(() => setupOf(scenario))
  return (
    <>
      <header>
        <h2>{scenario.title}, live</h2>
        <a href={fromRoot(`#/${id}`)}>Open it with its code and log</a>
      </header>
      <p className="about">{scenario.about}</p>
      <Stage
        id={id}
        scenario={scenario}
        setup={setup}
        onChange={(patch) => setSetup((setup) => ({ ...setup, ...patch }))}
        link={link}
        extent="part"
      />
    </>
  )
}
