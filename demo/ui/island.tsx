/** A scenario in a page of the manual. What it takes is loaded when the reader comes near. */

import { StrictMode, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { setupOf } from './address.ts'
import type { Setup } from './address.ts'
import { find } from './catalog.ts'
import type { Listed } from './catalog.ts'
import { Link } from './link.ts'
import { fromRoot } from './root.ts'
import { Stage } from './stage.tsx'
import './style/stage.css'

let link: Link | undefined

/** Plays the scenario called `id` in `place`. All of a page share one line to the server's log. */
export function playIn(place: Element, id: string): void {
  const listed = find(id)
  if (listed === undefined) throw new Error(`There is no scenario ${id}.`)
  if (link === undefined) {
    link = new Link()
    link.connect()
  }
  createRoot(place).render(
    <StrictMode>
      <Island listed={listed} link={link} />
    </StrictMode>,
  )
}

function Island({ listed, link }: { listed: Listed; link: Link }) {
  const { id, scenario } = listed
  const [setup, setSetup] = useState<Setup>(() => setupOf(scenario))
  return (
    <>
      <header>
        <h2>{scenario.title}, live</h2>
        <a href={fromRoot(`#/${id}`)}>With its code and its log</a>
      </header>
      <p className="about">{scenario.about}</p>
      <Stage
        listed={listed}
        setup={setup}
        onChange={(patch) => setSetup((setup) => ({ ...setup, ...patch }))}
        link={link}
        extent="part"
      />
    </>
  )
}
