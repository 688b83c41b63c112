/** Sliders with their units, the switch, and the buttons. Esc cancels wherever the focus is. */

import { useEffect } from 'react'
import type { ReactElement } from 'react'
import type { ChangeSetup, Setup } from './address.ts'
import type { Choice, Slider } from './scenario.ts'
import { milliseconds } from './units.ts'

export interface ControlsProps {
  readonly sliders: readonly Slider[]
  readonly choices: readonly Choice[]
  /** The databases of the server; undefined until it has answered. */
  readonly engines: readonly string[] | undefined
  /** What the switch turns on. */
  readonly subject: string
  readonly settings: Setup['settings']
  readonly rescind: Setup['rescind']
  readonly state: 'running' | 'still'
  readonly onChange: ChangeSetup
  readonly onStart: () => void
  /** Runs both sides, one after the other. */
  readonly onBoth: () => void
  readonly onCancel: (cause: Error) => void
}

export function Controls(props: ControlsProps): ReactElement {
  const { sliders, choices, engines, subject, settings, rescind, state, onChange, onStart, onBoth, onCancel } = props
  const isRunning = state === 'running'
  useEscape(onCancel)
  const onSetting: OnSetting = (name, value) => onChange({ settings: { ...settings, [name]: value } })

  return (
    <form className="controls" onSubmit={(event) => event.preventDefault()}>
      <div className="sliders">
        {choices.map((choice) => (
          <ChoiceField key={choice.name} {...{ choice, engines, settings, onSetting }} />
        ))}
        {sliders.map((slider) => (
          <SliderField key={slider.name} {...{ slider, settings, onSetting }} />
        ))}
      </div>
      <div className="actions">
        <button
          type="button"
          role="switch"
          className="switch"
          aria-checked={rescind === 'on'}
          onClick={() => onChange({ rescind: rescind === 'on' ? 'off' : 'on' })}
        >
          <span className="knob" />
          {subject}
        </button>
        <button type="button" disabled={!isRunning} onClick={() => onCancel(new Error('Cancel button'))}>
          Cancel <kbd>Esc</kbd>
        </button>
        <button type="button" title="Runs both sides, one after the other" onClick={onBoth}>
          Compare
        </button>
        <button type="submit" className="primary" onClick={onStart}>
          Run
        </button>
      </div>
    </form>
  )
}

export function useEscape(onCancel: (cause: Error) => void): void {
  useEffect(() => {
    const listener = ({ key }: KeyboardEvent) => {
      if (key === 'Escape') onCancel(new Error('Esc'))
    }
    window.addEventListener('keydown', listener)
    return () => window.removeEventListener('keydown', listener)
  }, [onCancel])
}

type OnSetting = (name: string, value: number) => void

interface FieldProps extends Pick<ControlsProps, 'settings'> {
  readonly onSetting: OnSetting
}

interface ChoiceProps extends FieldProps {
  readonly choice: Choice
  readonly engines: ControlsProps['engines']
}

function ChoiceField({ choice: { name, label, options, initial }, engines, settings, onSetting }: ChoiceProps) {
  return (
    <label className="choice">
      <span>{label}</span>
      <select
        name={name}
        value={settings[name] ?? initial}
        onChange={({ target }) => onSetting(name, Number(target.value))}
      >
        {options.map((option, index) => {
          const engine = typeof option === 'string' ? undefined : option
          const isMissing = engine !== undefined && engines?.includes(engine.needs) === false
          const text = engine === undefined ? String(option) : isMissing ? engine.otherwise : engine.name
          return (
            <option key={engine?.name ?? text} value={index} disabled={isMissing}>
              {text}
            </option>
          )
        })}
      </select>
    </label>
  )
}

interface SliderProps extends FieldProps {
  readonly slider: Slider
}

function SliderField({ slider, settings, onSetting }: SliderProps) {
  const { name, label, min, max, step, initial, bottom, top } = slider
  const value = settings[name] ?? initial
  const text = (value === max ? top : value === min ? bottom : undefined) ?? milliseconds(value)
  return (
    <label className="slider">
      <span>{label}</span>
      <b aria-hidden="true">{text}</b>
      <input
        type="range"
        name={name}
        min={min}
        max={max}
        step={step}
        value={value}
        aria-valuetext={text}
        onChange={({ target }) => onSetting(name, target.valueAsNumber)}
      />
    </label>
  )
}
