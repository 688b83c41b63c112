/** Opens the search by its button, by `/`, or by Ctrl+K. The dialog and the index are loaded on first use. */

/** Listens for all three from now on. */
export function awaitSearch(): void {
  document.addEventListener('click', ({ target }) => {
    if (target instanceof Element && target.closest('[data-search]')) void open()
  })
  document.addEventListener('keydown', (event) => {
    const { ctrlKey, key, metaKey, target } = event
    const isShortcut = key === 'k' && (ctrlKey || metaKey)
    const isSlash = key === '/' && !ctrlKey && !metaKey && !isTyping(target)
    if (!isShortcut && !isSlash) return
    event.preventDefault()
    void open()
  })
}

async function open(): Promise<void> {
  const { openSearch } = await import('./search-dialog.ts')
  openSearch()
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input, select, textarea, [contenteditable]')
}
