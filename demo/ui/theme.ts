/**
 * The theme of the site: that of the system, light or dark. Its only state is `data-theme` of the root element. The
 * style sheets take the colours and the text of the button from there, so a page needs no script to show them. The
 * attribute, its values and the key are those of the API reference, which TypeDoc makes: both share the choice.
 */

const KEY = 'tsd-theme'

/** In the order of the button. */
export const THEMES: readonly ['os', 'light', 'dark'] = ['os', 'light', 'dark']

/** Applies the stored theme. It is inline in the head of every page, so that it runs before the first paint. */
export const THEME_SCRIPT: string = `try{document.documentElement.dataset.theme=localStorage.getItem('${KEY}')||'os'}catch{}`

/** Switches the theme by its button from now on, and follows a switch in another tab. */
export function awaitTheme(): void {
  const { dataset } = document.documentElement
  document.addEventListener('click', ({ target }) => {
    if (!(target instanceof Element) || target.closest('[data-switch-theme]') === null) return
    const at = THEMES.findIndex((theme) => theme === dataset.theme)
    const next = THEMES[(Math.max(at, 0) + 1) % THEMES.length] ?? 'os'
    dataset.theme = next
    try {
      localStorage.setItem(KEY, next)
    } catch {
      // The user does not permit storage: the theme is that of this page only.
    }
  })
  window.addEventListener('storage', ({ key, newValue }) => {
    if (key === KEY) dataset.theme = newValue ?? 'os'
  })
}
