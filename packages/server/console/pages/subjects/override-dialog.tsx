import { useState } from 'preact/hooks'
import { ask } from '../../lib/api.ts'
import type { Published, SubjectLimit } from '../../lib/types.ts'
import { Dialog, useAction } from '../../parts/actions.tsx'
import { SelectField, TextField } from '../../parts/fields.tsx'

interface Props {
  readonly namespace: string
  readonly subject: string
  readonly limits: readonly SubjectLimit[]
  readonly onClose: () => void
}

const KINDS = [
  { value: 'limits', label: 'Other numbers' },
  { value: 'tier', label: 'Another tier' },
  { value: 'exempt', label: 'No limit' },
]
const FOR = [
  { value: '1', label: '1 hour' },
  { value: '24', label: '1 day' },
  { value: '168', label: '7 days' },
  { value: '720', label: '30 days' },
]

/** Treats one subject of one policy otherwise, for a time. The service publishes it as a revision. */
export function OverrideDialog({ namespace, subject, limits, onClose }: Props) {
  const policies = [...new Set(limits.map(({ policy }) => policy))]
  const [policy, setPolicy] = useState(policies[0] ?? '')
  const [kind, setKind] = useState('limits')
  const [numbers, setNumbers] = useState<Readonly<Record<string, string>>>({})
  const [tier, setTier] = useState('')
  const [hours, setHours] = useState('24')
  const action = useAction()
  // A policy may limit by several subjects. The one that was asked for by this value is meant.
  const names = [...new Set(limits.filter((each) => each.policy === policy).map((each) => each.subjectName))]
  const [chosen, setChosen] = useState<string | undefined>(undefined)
  const subjectName = chosen !== undefined && names.includes(chosen) ? chosen : (names[0] ?? '')
  const own = limits.filter((each) => each.policy === policy && each.subjectName === subjectName)

  const submit = async () => {
    const isDone = await action.run(async () => {
      const body = {
        policy,
        is: subject,
        subjectName,
        ...(kind === 'exempt' ? { exempt: true } : kind === 'tier' ? { tier } : { limits: changed(numbers) }),
        until: new Date(Date.now() + Number(hours) * 3_600_000).toISOString(),
      }
      const { revision } = await ask<Published>('POST', `subjects/${encodeURIComponent(namespace)}/override`, { body })
      return `The override is revision ${revision} of ${namespace}.`
    })
    if (isDone) onClose()
  }
  return (
    <Dialog
      title={`Override the limits of ${subject}`}
      submit="Publish the override"
      disabledBecause={policies.length === 0 ? 'No policy of this namespace limits such a subject.' : undefined}
      onSubmit={() => void submit()}
      onClose={onClose}
      {...action}
    >
      <SelectField label="Policy" value={policy} onValue={setPolicy} choices={policies.map((value) => ({ value, label: value }))} />
      {names.length > 1 && (
        <SelectField
          label="As"
          hint="Which subject of the document has this value."
          value={subjectName}
          onValue={setChosen}
          choices={names.map((value) => ({ value, label: value }))}
        />
      )}
      <SelectField label="Give it" value={kind} onValue={setKind} choices={KINDS} />
      {kind === 'limits' &&
        own.map(({ limit, max }) => (
          <TextField
            key={limit}
            label={`Limit ${limit}`}
            hint={`Now ${max}.`}
            value={numbers[limit] ?? ''}
            onValue={(value) => setNumbers({ ...numbers, [limit]: value })}
            attributes={{ type: 'number', min: 0, inputmode: 'numeric', required: own.length === 1 }}
          />
        ))}
      {kind === 'tier' && <TextField label="Tier" value={tier} onValue={setTier} attributes={{ required: true }} />}
      <SelectField label="Until" value={hours} onValue={setHours} choices={FOR} />
    </Dialog>
  )
}

function changed(numbers: Readonly<Record<string, string>>): Readonly<Record<string, { readonly limit: number }>> {
  return Object.fromEntries(
    Object.entries(numbers)
      .filter(([, value]) => value !== '')
      .map(([name, value]) => [name, { limit: Number(value) }]),
  )
}
