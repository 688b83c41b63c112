/**
 * The shape of a scenario. Each is one file in `scenarios/` that exports `scenario`; the name of the file is its
 * address. The page runs and shows the regions `with` and `without` of the file.
 */

import type { ReactElement, ReactNode } from 'react'
import type { Context } from 'rescind'
import type { Store } from './store.ts'
import type { Call, Work } from './trace.ts'

export interface Slider {
  readonly name: string
  readonly label: string
  /** In milliseconds, like the fields below. */
  readonly min: number
  readonly max: number
  readonly step: number
  readonly initial: number
  /** Names of the lowest and the highest value, shown instead of the number. */
  readonly bottom?: string
  readonly top?: string
}

/** A choice between options. Its value is the index of the option. */
export interface Choice {
  readonly name: string
  readonly label: string
  readonly options: readonly (string | Engine)[]
  readonly initial: number
}

/** An option that needs a database of the server. `otherwise` is its text if the server does not have it. */
interface Engine {
  readonly name: string
  readonly needs: string
  readonly otherwise: string
}

/** Returns the value of the slider with this name in milliseconds, or the index of the chosen option. */
export type Settings = (name: string) => number

/** What a scenario runs with. */
export interface Lab {
  readonly ms: Settings
  /** The address for one request, which asks for a piece of work. The lanes show the request as `name`. */
  readonly url: (name: string, work: Work) => string
}

/** A time that is marked across the lanes. */
export interface Mark {
  readonly at: number
  readonly label: string
  /** A step that was done. By default a mark is a limit. */
  readonly kind?: 'step'
}

/** An event that a scene recorded. */
export interface Note {
  /** Steps are drawn across the lanes; what was right or wrong on the screen is counted. */
  readonly kind: 'step' | 'right' | 'wrong'
  readonly label: string
  /** Since the start, in milliseconds. */
  readonly at: number
}

/** The outcome of a run. */
export interface Verdict {
  readonly kind: 'success' | 'failed' | 'deadline' | 'canceled'
  /** What the code got: its result, or the message of its error. */
  readonly text: string
}

/** A figure in addition to those that all scenarios have. */
export interface Tally {
  readonly name: string
  readonly label: string
  readonly count: (calls: readonly Call[], notes: readonly Note[]) => number
}

interface Common {
  readonly title: string
  /** The position in the list, lowest first. */
  readonly order: number
  readonly about: ReactNode
  readonly sliders: readonly Slider[]
  readonly choices?: readonly Choice[]
  /** The same in Go, indented with four spaces. The build takes it from the constant `GO` and highlights it. */
  readonly go: string
  /** The file with the code that is shown, if it is not the scenario's. */
  readonly source?: string
  /**
   * The names of both sides, if they are not without and with rescind. Then the handlers of both sides are told when
   * the client leaves.
   */
  readonly compares?: readonly [off: string, on: string]
  /** The name of the lower lane, if it is not the server. */
  readonly worker?: (ms: Settings) => string | undefined
  /** @param start when the first request was sent, in milliseconds since the run began */
  readonly marks: (ms: Settings, start: number) => readonly Mark[]
  /** How long a run takes if nothing stops it, in milliseconds. */
  readonly span: (ms: Settings) => number
  /** The most requests of a run; 2 by default. With more than 3, each is one line. */
  readonly rows?: number
  /** What one line shows: a request, or all requests with the same name. `requests` by default. */
  readonly lines?: 'requests' | 'names'
  readonly tallies?: readonly Tally[]
}

/** A scenario that is a function. */
export interface FunctionScenario extends Common {
  /** The text of a successful outcome. */
  readonly success: string
  readonly withRescind: (ctx: Context, lab: Lab) => Promise<unknown>
  readonly withoutRescind: (lab: Lab, ctx: Context) => Promise<unknown>
}

/** What a scene works with during one run. */
export interface Play<State extends string = string> extends Lab {
  /** Ends with the run. */
  readonly ctx: Context
  /** On the page's monotonic clock, in milliseconds. */
  readonly started: number
  readonly rescind: 'on' | 'off'
  /**
   * The number of the play. A run that the user begins by hand continues the take before it, and keeps its components.
   */
  readonly take: number
  readonly state: Store<State>
  readonly calls: Store<readonly Call[]>
  readonly notes: Store<readonly Note[]>
  /** Changes the state; a label is drawn across the lanes. */
  readonly go: (state: State, label?: string) => void
  readonly note: (kind: Note['kind'], label: string) => void
  /**
   * Marks the answers to these requests as unwanted. Without rescind only the server's log is told, not the handler.
   * With rescind this does nothing.
   */
  readonly giveUp: (isUnwanted: (call: Call) => boolean) => void
  /** Resolves when `isOver` returns true. It may depend on the stores above only. */
  readonly when: (ctx: Context, isOver: () => boolean) => Promise<void>
}

export interface SceneProps<State extends string = string> {
  readonly play: Play<State>
  /** Reports what the user did by hand, and stops the script. */
  readonly onAct: Play<State>['go']
}

/** A scenario with a part of a page, and a script that uses it. */
export interface SceneScenario<State extends string = string> extends Common {
  readonly initial: State
  Scene(props: SceneProps<State>): ReactElement
  /** Uses the page, as a user would. */
  script(ctx: Context, play: Play<State>): Promise<void>
  /** Waits until nothing is under way, and returns the outcome. */
  verdict(ctx: Context, play: Play<State>): Promise<Verdict>
}

export type Scenario = FunctionScenario | SceneScenario
