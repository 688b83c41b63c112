/** A page for the examples with React: a document of jsdom, with the fetch and the AbortController of Node. */

import { JSDOM } from 'jsdom'
import type { ReactNode } from 'react'

const { window } = new JSDOM('<body></body>', { url: 'http://localhost/', pretendToBeVisual: true })
// Before React DOM is loaded, which checks once for a document.
for (const name of ['window', 'document', 'navigator', 'HTMLElement', 'FormData', 'Node'] as const) {
  Object.defineProperty(globalThis, name, { value: name === 'window' ? window : window[name], configurable: true })
}

/** Renders `element` and resolves to its body once that shows `text`. */
export async function shows(element: ReactNode, text: string): Promise<HTMLElement> {
  const { createRoot } = await import('react-dom/client')
  const { body } = window.document
  const host = body.appendChild(window.document.createElement('main'))
  createRoot(host).render(element)
  await appears(host, text)
  return host
}

/** Resolves once `host` shows `text`. */
export async function appears(host: HTMLElement, text: string): Promise<void> {
  for (let tries = 0; !host.textContent?.includes(text); tries++) {
    if (tries > 500) throw new Error(`the page does not show ${text}, but ${host.textContent}`)
    await new Promise((resolve) => void setTimeout(resolve, 10))
  }
}
