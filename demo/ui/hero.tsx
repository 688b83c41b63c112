/**
 * The top of the front page: what rescind is, and where to go next. It needs no browser: the build renders it into the
 * page.
 */

import { useRef } from 'react'
import type { ReactElement } from 'react'
import { Copy } from './copy.tsx'

const INSTALL = 'npm install rescind'

export function Hero(): ReactElement {
  const command = useRef<HTMLElement>(null)
  return (
    <section className="hero">
      <h1>Stop the work that is no longer needed</h1>
      <p>
        rescind is a TypeScript library with one value, the context, that says how long work may take. When it ends,
        every request, query and timer that was started with it stops: in the browser, on the server and in the
        database.
      </p>
      <div className="start">
        <div className="install">
          <code ref={command}>{INSTALL}</code>
          <Copy
            label="Copy"
            text={INSTALL}
            onRefused={() => {
              if (command.current !== null) getSelection()?.selectAllChildren(command.current)
            }}
          />
        </div>
        <a className="button primary" href="docs/start.html">
          Start here
        </a>
        <a className="button" href="docs/index.html">
          Docs
        </a>
        <a className="button" href="#/http-timeout">
          Examples
        </a>
      </div>
    </section>
  )
}
