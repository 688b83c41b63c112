/**
 * The shape of a scenario. Each is one file in `scenarios/` that exports `scenario`; its name is the address. The
 * regions `with` and `without` of the file are the code that runs, and that the page shows.
 */

import type { ReactElement, ReactNode } from 'react'
import type { Context } from 'rescind'
import type { Store } from './store.ts'
import type { Call, Work } from './trace.ts'

export interface Slider {
  readonly name: string
  readonly label: string
  /** In milliseconds, as all that follows. */
  readonly min: number
  readonly max: number
  readonly step: number
  readonly initial: number
  /** What the lowest and the highest value are called where they are more than a number. */
  readonly bottom?: string
  readonly top?: string
}

/** One of several, by its index. */
export interface Choice {
  readonly name: string
  readonly label: string
  readonly options: readonly (string | Engine)[]
  readonly initial: number
}

/** An option that is there if the server has that database, and what it is called if not. */
interface Engine {
  readonly name: string
  readonly needs: string
  readonly otherwise: string
}

/** The value of the slider with this name, in milliseconds, or the index of what is chosen. */
export type Settings = (name: string) => number

/** What a scenario runs with. */
export interface Lab {
  readonly ms: Settings
  /** The address of a piece of work, for one request. It appears in the lanes as `name`. */
  readonly url: (name: string, work: Work) => string
}

/** A time that matters, drawn across the lanes. */
export interface Mark {
  readonly at: number
  readonly label: string
  /** Something that was done, and not a limit. */
  readonly kind?: 'step'
}

/** Something that a scene has seen. */
export interface Note {
  /** Steps are drawn across the lanes; what was right or wrong on the screen is counted. */
  readonly kind: 'step' | 'right' | 'wrong'
  readonly label: string
  /** Since the start, in milliseconds. */
  readonly at: number
}

/** How a run came out. */
export interface Verdict {
  readonly kind: 'success' | 'failed' | 'deadline' | 'canceled'
  /** What the code got: its result, or the message of its error. */
  readonly text: string
}

/** A number beside those that all scenarios have. */
export interface Tally {
  readonly name: string
  readonly label: string
  readonly count: (calls: readonly Call[], notes: readonly Note[]) => number
}

interface Common {
  readonly title: string
  /** Where it stands among the others. */
  readonly order: number
  readonly about: ReactNode
  readonly sliders: readonly Slider[]
  readonly choices?: readonly Choice[]
  /** The same in Go, indented with four spaces. The build takes it from the constant `GO` and colours it. */
  readonly go: string
  /** The file with the code that is shown, if that is not the scenario's. */
  readonly source?: string
  /** What is compared, if it is not working without rescind and with it. Both sides' handlers are told then. */
  readonly compares?: readonly [off: string, on: string]
  /** What the lower lane is called, if that is not the server. */
  readonly worker?: (ms: Settings) => string | undefined
  /** @param start when the first request was sent, in milliseconds since the run began */
  readonly marks: (ms: Settings, start: number) => readonly Mark[]
  /** How long it takes when nothing stops it. */
  readonly span: (ms: Settings) => number
  /** How many requests there will be at most; 2 if left out. More than 3 get a line each. */
  readonly rows?: number
  /** What has a line of its own; requests if left out. Requests of the same name can share one. */
  readonly lines?: 'requests' | 'names'
  readonly tallies?: readonly Tally[]
}

/** A scenario that is a function. */
export interface FunctionScenario extends Common {
  /** What to say when it went well. */
  readonly success: string
  readonly withRescind: (ctx: Context, lab: Lab) => Promise<unknown>
  readonly withoutRescind: (lab: Lab, ctx: Context) => Promise<unknown>
}

/** What a scene plays with. Another run has another one. */
export interface Play<State extends string = string> extends Lab {
  /** Ends with the run. */
  readonly ctx: Context
  /** On the page's monotonic clock, in milliseconds. */
  readonly started: number
  readonly rescind: 'on' | 'off'
  /** Counts the plays from the start; a run that the user begins by hand goes on in the same take. */
  readonly take: number
  readonly state: Store<State>
  readonly calls: Store<readonly Call[]>
  readonly notes: Store<readonly Note[]>
  /** Changes the state; a label is drawn across the lanes. */
  readonly go: (state: State, label?: string) => void
  readonly note: (kind: Note['kind'], label: string) => void
  /** Says that the answers to these are unwanted. With rescind the server hears of it, without only its log. */
  readonly giveUp: (isUnwanted: (call: Call) => boolean) => void
  /** Resolves when `isOver` holds. What it reads is in the stores above. */
  readonly when: (ctx: Context, isOver: () => boolean) => Promise<void>
}

export interface SceneProps<State extends string = string> {
  readonly play: Play<State>
  /** What the user does by hand. It stops the script. */
  readonly onAct: Play<State>['go']
}

/** A scenario that is a part of a page, and a script that uses it. */
export interface SceneScenario<State extends string = string> extends Common {
  readonly initial: State
  Scene(props: SceneProps<State>): ReactElement
  /** Uses the page, as a user would. */
  script(ctx: Context, play: Play<State>): Promise<void>
  /** Waits until nothing is under way, and says how it came out. */
  verdict(ctx: Context, play: Play<State>): Promise<Verdict>
}

export type Scenario = FunctionScenario | SceneScenario
