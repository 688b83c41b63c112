/**
 * The address says everything: `#/http-timeout?latency=800&timeout=300&rescind=off`. What changes on the page is true
 * at once and written to the address when it has come to rest, because browsers ration writes to their history.
 */

import { catalog } from './catalog.ts'
import type { Listed } from './catalog.ts'
import type { Slider } from './scenario.ts'
import { Store } from './store.ts'

export interface Address {
  /** Undefined if there is no such scenario. */
  readonly listed: Listed | undefined
  /** In milliseconds, by the name of the slider. */
  readonly settings: Readonly<Record<string, number>>
  readonly rescind: 'on' | 'off'
}

const REST_MS = 250

class AddressStore extends Store<Address> {
  #writing: ReturnType<typeof setTimeout> | undefined

  constructor() {
    super(parse(location.hash))
    window.addEventListener('hashchange', () => {
      clearTimeout(this.#writing)
      this.set(parse(location.hash))
    })
  }

  change(patch: Partial<Pick<Address, 'settings' | 'rescind'>>): void {
    this.set({ ...this.get(), ...patch })
    clearTimeout(this.#writing)
    this.#writing = setTimeout(() => history.replaceState(history.state, '', format(this.get())), REST_MS)
  }
}

export const address: AddressStore = new AddressStore()

function parse(hash: string): Address {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?', 2)
  const query = new URLSearchParams(search)
  const listed = path === '' ? catalog[0] : catalog.find(({ id }) => id === path)
  const settings = (listed?.scenario.sliders ?? []).map((slider) => [slider.name, valueIn(query, slider)])
  return { listed, settings: Object.fromEntries(settings), rescind: query.get('rescind') === 'off' ? 'off' : 'on' }
}

function format({ listed, settings, rescind }: Address): string {
  const query = new URLSearchParams(Object.entries(settings).map(([name, ms]) => [name, String(ms)]))
  query.set('rescind', rescind)
  return `#/${listed?.id ?? ''}?${query}`
}

function valueIn(query: URLSearchParams, { name, min, max, initial }: Slider): number {
  const text = query.get(name)
  const value = text === null || text.trim() === '' ? NaN : Number(text)
  return Number.isNaN(value) ? initial : Math.min(Math.max(Math.round(value), min), max)
}
