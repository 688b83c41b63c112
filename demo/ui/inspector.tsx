/** The inspector of the page: it looks on from the start. Its panel is loaded when it is first opened. */

import { lazy, Suspense, useState } from 'react'
import type { ReactElement } from 'react'
import { inspect } from 'rescind/inspect'

export interface InspectorProps {
  readonly open: boolean
  readonly onOpenChange: (open: boolean) => void
}

// What is lost here on purpose, without rescind, needs no warnings.
const inspector = inspect({ silence: 'all' })

const Devtools = lazy(async () => {
  const { Devtools } = await import('rescind/devtools/production')
  return { default: Devtools }
})

export function Inspector({ open, onOpenChange }: InspectorProps): ReactElement | null {
  const [isLoaded, setLoaded] = useState(open)
  if (open && !isLoaded) setLoaded(true)
  if (!isLoaded) return null
  return (
    <Suspense fallback={null}>
      <Devtools inspector={inspector} open={open} onOpenChange={onOpenChange} />
    </Suspense>
  )
}
