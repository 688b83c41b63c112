/**
 * The inspector of the page, which records from the start. Its panel is loaded when it is first opened. *Server* in the
 * panel shows what the inspector of the server recorded about the same requests.
 */

import { lazy, Suspense, useState } from 'react'
import type { ReactElement } from 'react'
import { inspect } from 'rescind/inspect'

export interface InspectorProps {
  readonly open: boolean
  readonly onOpenChange: (open: boolean) => void
}

// The sides without rescind make these mistakes on purpose, so they need no warnings.
const inspector = inspect({ name: 'page', silence: 'all', stacks: true })

const Devtools = lazy(async () => {
  const { Devtools } = await import('rescind/devtools/production')
  return { default: Devtools }
})

async function recordServer(): Promise<string> {
  const response = await fetch('./api/recording')
  if (!response.ok) throw new Error(`status ${response.status}`)
  return response.text()
}

export function Inspector({ open, onOpenChange }: InspectorProps): ReactElement | null {
  const [isLoaded, setLoaded] = useState(open)
  if (open && !isLoaded) setLoaded(true)
  if (!isLoaded) return null
  return (
    <Suspense fallback={null}>
      <Devtools inspector={inspector} server={recordServer} open={open} onOpenChange={onOpenChange} />
    </Suspense>
  )
}
