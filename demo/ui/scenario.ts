/**
 * The shape of a scenario. Each is one file in `scenarios/` that exports `scenario`; its name is the address. The
 * regions `with` and `without` of the file are the code that runs, and that the page shows.
 */

import type { ReactNode } from 'react'
import type { Context } from 'rescind'

export interface Slider {
  readonly name: string
  readonly label: string
  /** In milliseconds, as all that follows. */
  readonly min: number
  readonly max: number
  readonly step: number
  readonly initial: number
  /** What the highest value is called where it is more than a number. */
  readonly top?: string
}

/** The value of the slider with this name, in milliseconds. */
export type Settings = (name: string) => number

/** What the server is asked to do: work for `latency` milliseconds, and then answer or fail. */
export interface Work {
  readonly latency: number
  readonly fails?: boolean
}

/** What a scenario runs with. */
export interface Lab {
  readonly ms: Settings
  /** The address of a piece of work. A request for it appears in the lanes as `name`. */
  readonly url: (name: string, work: Work) => string
}

/** A time that matters, drawn across the lanes. */
export interface Mark {
  readonly at: number
  readonly label: string
}

export interface Scenario {
  readonly title: string
  /** Where it stands among the others. */
  readonly order: number
  readonly about: ReactNode
  readonly sliders: readonly Slider[]
  /** What to say when it went well. */
  readonly success: string
  readonly marks: (ms: Settings) => readonly Mark[]
  /** How long it takes when nothing stops it. */
  readonly span: (ms: Settings) => number
  readonly withRescind: (ctx: Context, lab: Lab) => Promise<unknown>
  readonly withoutRescind: (lab: Lab) => Promise<unknown>
}
