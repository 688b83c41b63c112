/**
 * Starts the scripts of a manual page: the search, the theme, the copy buttons, the menus and the live examples. The
 * page can be read without them.
 */

import { awaitSearch } from './ui/search.ts'
import { awaitTheme } from './ui/theme.ts'

awaitSearch()
awaitTheme()
copyOnClick()
playWhenNear()

function copyOnClick(): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>('[data-copy]')) {
    button.addEventListener('click', async () => {
      const code = button.parentElement?.querySelector('pre')
      if (!code) return
      try {
        await navigator.clipboard.writeText(code.innerText)
        button.textContent = 'Copied'
      } catch {
        // Writing is not permitted, or there is no clipboard, as on plain http.
        getSelection()?.selectAllChildren(code)
        button.textContent = 'Selected'
      }
    })
  }
}

function playWhenNear(): void {
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue
        observer.unobserve(target)
        void import('./ui/island.tsx').then(({ playIn }) => playIn(target, target.getAttribute('data-live') ?? ''))
      }
    },
    { rootMargin: '200px' },
  )
  for (const place of document.querySelectorAll('[data-live]')) observer.observe(place)
}

// A click on a link in an open menu closes the menu.
document.addEventListener('click', ({ target }) => {
  const menu = target instanceof Element && target.closest('a') ? target.closest<HTMLElement>('[popover]') : null
  if (menu?.matches(':popover-open')) menu.hidePopover()
})
