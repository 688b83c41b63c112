/** Starts the page. */

import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { Link } from './ui/link.ts'
import { Shell } from './ui/shell.tsx'

const root = document.getElementById('root')
if (root === null) throw new Error('There is no element #root in the page.')

const link = new Link()
link.connect()

createRoot(root).render(
  <StrictMode>
    <Shell link={link} />
  </StrictMode>,
)
