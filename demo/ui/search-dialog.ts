/**
 * The search over all pages: a field, and the results below it. It follows the combobox pattern of ARIA: the focus
 * stays in the field, and the arrow keys move through the list.
 */

import MiniSearch from 'minisearch'
import { fromRoot } from './root.ts'
import { searchOptions } from './search-index.ts'
import type { Passage } from './search-index.ts'

type Found = Pick<Passage, 'page' | 'heading' | 'excerpt'> & { readonly id: string }

/** The most results that are shown. */
const MOST = 12

let dialog: Dialog | undefined

/** Opens the search. The first search loads the index. */
export function openSearch(): void {
  dialog ??= new Dialog()
  dialog.open()
}

class Dialog {
  readonly #element = element('dialog', { className: 'search' })
  readonly #field = element('input', { type: 'search', placeholder: 'Search the docs', autocomplete: 'off' })
  readonly #list = element('ul', { id: 'found' })
  readonly #status = element('p', { className: 'status' })
  #index: Promise<MiniSearch<Passage>> | undefined
  /** Counts the searches: the result of an older one is dropped. */
  #asked = 0
  #chosen = -1

  constructor() {
    const attributes = {
      role: 'combobox',
      'aria-label': 'Search the docs',
      'aria-autocomplete': 'list',
      'aria-controls': 'found',
      'aria-expanded': 'false',
    }
    for (const [name, value] of Object.entries(attributes)) this.#field.setAttribute(name, value)
    this.#list.setAttribute('role', 'listbox')
    this.#list.setAttribute('aria-label', 'Places found')
    this.#status.setAttribute('role', 'status')
    this.#element.setAttribute('aria-label', 'Search')
    this.#field.addEventListener('input', () => void this.#search())
    this.#element.addEventListener('keydown', (event) => this.#onKey(event))
    // The dialog has no padding, so a click on the dialog itself is outside of its content.
    this.#element.addEventListener('click', ({ target }) => {
      if (target === this.#element || (target instanceof Element && target.closest('a'))) this.#element.close()
    })
    this.#element.append(this.#field, this.#status, this.#list)
    document.body.append(this.#element)
  }

  open(): void {
    if (!this.#element.open) this.#element.showModal()
    this.#field.select()
    void this.#search()
  }

  async #search(): Promise<void> {
    const asked = ++this.#asked
    const text = this.#field.value.trim()
    if (text === '') return this.#show([], 'Searches every page of the docs.')
    this.#index ??= load()
    if (this.#list.childElementCount === 0) this.#status.textContent = 'Loading the index …'
    try {
      const found = (await this.#index).search(text) as unknown as Found[]
      if (asked !== this.#asked) return
      const places = found.length === 1 ? '1 place' : `${found.length} places`
      this.#show(found.slice(0, MOST), found.length === 0 ? `Nothing found for “${text}”.` : places)
    } catch {
      this.#index = undefined
      if (asked === this.#asked) this.#show([], 'The index cannot be loaded. Keep typing to try again.')
    }
  }

  #show(found: readonly Found[], status: string): void {
    this.#status.textContent = status
    this.#list.replaceChildren(
      ...found.map(({ id, page, heading, excerpt }, index) => {
        const link = element('a', { href: fromRoot(id), tabIndex: -1 })
        const where = element('span', { textContent: page })
        link.append(element('b', { textContent: heading }), where, element('small', { textContent: excerpt }))
        const item = element('li', { id: `found-${index}` })
        item.setAttribute('role', 'option')
        item.append(link)
        return item
      }),
    )
    this.#field.setAttribute('aria-expanded', String(found.length > 0))
    this.#choose(found.length > 0 ? 0 : -1)
  }

  #choose(index: number): void {
    this.#chosen = index
    for (const [position, item] of [...this.#list.children].entries()) {
      item.setAttribute('aria-selected', String(position === index))
      if (position === index) item.scrollIntoView({ block: 'nearest' })
    }
    if (index < 0) this.#field.removeAttribute('aria-activedescendant')
    else this.#field.setAttribute('aria-activedescendant', `found-${index}`)
  }

  #onKey(event: KeyboardEvent): void {
    // Escape closes the search only: it must not also cancel a run on the page.
    event.stopPropagation()
    const count = this.#list.childElementCount
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step !== undefined && count > 0) {
      event.preventDefault()
      this.#choose((this.#chosen + step + count) % count)
    }
    if (event.key === 'Escape' && !event.isComposing) {
      // By default, the first Escape only empties a search field.
      event.preventDefault()
      this.#element.close()
    }
    if (event.key === 'Enter') this.#list.children[this.#chosen]?.querySelector('a')?.click()
  }
}

async function load(): Promise<MiniSearch<Passage>> {
  const response = await fetch(fromRoot('search.json'))
  if (!response.ok) throw new Error(`The server answered ${response.status}.`)
  return MiniSearch.loadJSON<Passage>(await response.text(), searchOptions)
}

function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Partial<HTMLElementTagNameMap[Name]>,
): HTMLElementTagNameMap[Name] {
  return Object.assign(document.createElement(name), properties)
}
