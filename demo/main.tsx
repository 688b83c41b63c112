/** Starts the front page and the examples. */

import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { HashRouter } from 'react-router'
import { Link } from './ui/link.ts'
import { awaitSearch } from './ui/search.ts'
import { Shell } from './ui/shell.tsx'
import { awaitTheme } from './ui/theme.ts'

const root = document.getElementById('root')
if (root === null) throw new Error('There is no element #root in the page.')

const link = new Link()
link.connect()
awaitSearch()
awaitTheme()

createRoot(root).render(
  <StrictMode>
    <HashRouter>
      <Shell link={link} />
    </HashRouter>
  </StrictMode>,
)
