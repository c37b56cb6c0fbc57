import { useId } from 'preact/hooks'
import { useNamespaces } from '../lib/namespaces.ts'
import { SelectField, TextField } from './fields.tsx'

/** More than this are found by typing, not by scrolling. */
const MOST = 50

/** Which namespace is meant. `all`: the label of no namespace. */
export function NamespaceField({
  label = 'Namespace',
  all,
  value,
  onValue,
}: {
  readonly label?: string
  readonly all?: string
  readonly value: string
  readonly onValue: (value: string) => void
}) {
  const namespaces = useNamespaces()
  const list = useId()
  if (namespaces.length > MOST)
    return (
      <>
        <TextField label={label} value={value} onValue={onValue} attributes={{ list, placeholder: all ?? '' }} />
        <datalist id={list}>
          {namespaces
            .filter((each) => each.includes(value))
            .slice(0, MOST)
            .map((each) => (
              <option key={each} value={each} />
            ))}
        </datalist>
      </>
    )
  const choices = namespaces.map((each) => ({ value: each, label: each }))
  const others = all === undefined ? (value === '' ? [{ value: '', label: 'Choose…' }] : []) : [{ value: '', label: all }]
  return <SelectField label={label} value={value} onValue={onValue} choices={[...others, ...choices]} />
}
