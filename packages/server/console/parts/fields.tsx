import type { ComponentChildren, JSX } from 'preact'
import { useId } from 'preact/hooks'

interface Labelled {
  readonly label: string
  readonly hint?: ComponentChildren
  readonly isWide?: boolean
}

/** A control with its label above and its hint below. */
function Field({
  label,
  hint,
  isWide,
  children,
}: Labelled & { readonly children: (ids: { readonly id: string; readonly 'aria-describedby'?: string }) => ComponentChildren }) {
  const id = useId()
  const hintId = `${id}-hint`
  return (
    <div class={isWide ? 'field wide-field' : 'field'}>
      <label for={id}>{label}</label>
      {children(hint === undefined ? { id } : { id, 'aria-describedby': hintId })}
      {hint !== undefined && (
        <p class="hint" id={hintId}>
          {hint}
        </p>
      )}
    </div>
  )
}

type InputProps = Labelled & {
  readonly value: string
  readonly onValue: (value: string) => void
  readonly attributes?: JSX.IntrinsicElements['input']
}

export function TextField({ value, onValue, attributes = {}, ...labelled }: InputProps) {
  return (
    <Field {...labelled}>
      {(ids) => (
        <input
          type="text"
          autocomplete="off"
          spellcheck={false}
          {...attributes}
          {...ids}
          value={value}
          onInput={(event) => onValue(event.currentTarget.value)}
        />
      )}
    </Field>
  )
}

export interface Choice {
  readonly value: string
  readonly label: string
}

export function SelectField({
  value,
  onValue,
  choices,
  ...labelled
}: Labelled & { readonly value: string; readonly onValue: (value: string) => void; readonly choices: readonly Choice[] }) {
  return (
    <Field {...labelled}>
      {(ids) => (
        <select {...ids} value={value} onChange={(event) => onValue(event.currentTarget.value)}>
          {choices.map((choice) => (
            <option key={choice.value} value={choice.value}>
              {choice.label}
            </option>
          ))}
        </select>
      )}
    </Field>
  )
}

/** A search box without a visible label. */
export function SearchField({
  label,
  value,
  onValue,
}: {
  readonly label: string
  readonly value: string
  readonly onValue: (value: string) => void
}) {
  return (
    <input
      type="search"
      class="search"
      aria-label={label}
      placeholder={label}
      spellcheck={false}
      value={value}
      onInput={(event) => onValue(event.currentTarget.value)}
    />
  )
}
