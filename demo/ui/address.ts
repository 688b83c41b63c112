/**
 * The address says everything: `#/http-timeout?latency=800&timeout=300&rescind=off`. What changes on the page is true
 * at once and written to the address when it has come to rest, because browsers ration writes to their history.
 */

import { catalog } from './catalog.ts'
import type { Listed } from './catalog.ts'
import type { Slider } from './scenario.ts'
import { Store } from './store.ts'

/** How a scenario is played. */
export interface Setup {
  /** In milliseconds, by the name of the slider; what is chosen, by its index. */
  readonly settings: Readonly<Record<string, number>>
  readonly rescind: 'on' | 'off'
}

export interface Address extends Setup {
  /** What the page shows: the first screen, a scenario, or nothing that there is. */
  readonly view: 'front' | 'scenario' | 'nowhere'
  readonly listed: Listed | undefined
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
  const listed = catalog.find(({ id }) => id === path)
  const view = path === '' ? 'front' : listed === undefined ? 'nowhere' : 'scenario'
  const { sliders = [], choices = [] } = listed?.scenario ?? {}
  const settings = [
    ...sliders.map((slider) => [slider.name, valueIn(query, slider)]),
    ...choices.map((choice) => [choice.name, valueIn(query, { ...choice, min: 0, max: choice.options.length - 1 })]),
  ]
  const rescind = query.get('rescind') === 'off' ? 'off' : 'on'
  return { view, listed, settings: Object.fromEntries(settings), rescind }
}

function format({ listed, settings, rescind }: Address): string {
  const query = new URLSearchParams(Object.entries(settings).map(([name, ms]) => [name, String(ms)]))
  query.set('rescind', rescind)
  return `#/${listed?.id ?? ''}?${query}`
}

type Range = Pick<Slider, 'name' | 'min' | 'max' | 'initial'>

function valueIn(query: URLSearchParams, { name, min, max, initial }: Range): number {
  const text = query.get(name)
  const value = text === null || text.trim() === '' ? NaN : Number(text)
  return Number.isNaN(value) ? initial : Math.min(Math.max(Math.round(value), min), max)
}
