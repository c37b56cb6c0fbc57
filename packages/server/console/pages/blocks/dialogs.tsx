import { useState } from 'preact/hooks'
import { ask } from '../../lib/api.ts'
import { Dialog, useAction } from '../../parts/actions.tsx'
import { SelectField, TextField } from '../../parts/fields.tsx'

const FOR = [
  { value: '15m', label: '15 minutes' },
  { value: '1h', label: '1 hour' },
  { value: '24h', label: '1 day' },
  { value: '7d', label: '7 days' },
  { value: '30d', label: '30 days' },
]

/** Blocks a subject, an address or a network. @param props.target what is known already */
export function BlockDialog({ target: known = '', onClose }: { readonly target?: string; readonly onClose: () => void }) {
  const [target, setTarget] = useState(known)
  const [time, setTime] = useState('1h')
  const [reason, setReason] = useState('')
  const action = useAction()
  const submit = async () => {
    const isDone = await action.run(async () => {
      await ask('POST', 'blocks', { body: { target, for: time, reason } })
      return `${target} is blocked.`
    })
    if (isDone) onClose()
  }
  return (
    <Dialog title="Block" submit="Block" isDangerous onSubmit={() => void submit()} onClose={onClose} {...action}>
      <TargetField value={target} onValue={setTarget} />
      <SelectField label="For" value={time} onValue={setTime} choices={FOR} />
      <TextField
        label="Reason"
        hint="The audit log and everybody who asks why will read it."
        value={reason}
        onValue={setReason}
        attributes={{ required: true, maxLength: 200 }}
      />
    </Dialog>
  )
}

/** Adds what is never blocked. */
export function AllowDialog({ target: known = '', onClose }: { readonly target?: string; readonly onClose: () => void }) {
  const [target, setTarget] = useState(known)
  const [reason, setReason] = useState('')
  const action = useAction()
  const submit = async () => {
    const isDone = await action.run(async () => {
      await ask('POST', 'blocks/allow', { body: { target, reason } })
      return `${target} is never blocked.`
    })
    if (isDone) onClose()
  }
  return (
    <Dialog title="Never block" submit="Allow" onSubmit={() => void submit()} onClose={onClose} {...action}>
      <p>No rule and no entry blocks it, until you remove it from the list of what is allowed. Its limits still hold.</p>
      <TargetField value={target} onValue={setTarget} />
      <TextField label="Reason" value={reason} onValue={setReason} attributes={{ required: true, maxLength: 200 }} />
    </Dialog>
  )
}

/** Removes an entry of either list. */
export function RemoveDialog({
  target,
  isAllowed,
  onClose,
}: {
  readonly target: string
  readonly isAllowed: boolean
  readonly onClose: () => void
}) {
  const action = useAction()
  const submit = async () => {
    const isDone = await action.run(async () => {
      await ask('DELETE', isAllowed ? 'blocks/allow' : 'blocks', { query: { target } })
      return isAllowed ? `${target} can be blocked again.` : `${target} is no longer blocked.`
    })
    if (isDone) onClose()
  }
  const title = isAllowed ? `Remove ${target} from the list of what is allowed` : `Unblock ${target}`
  return (
    <Dialog title={title} submit={isAllowed ? 'Remove' : 'Unblock'} onSubmit={() => void submit()} onClose={onClose} {...action}>
      <p>{isAllowed ? 'Rules may block it again.' : 'Its next request is decided by the limits alone.'}</p>
    </Dialog>
  )
}

function TargetField({ value, onValue }: { readonly value: string; readonly onValue: (value: string) => void }) {
  return (
    <TextField
      label="Target"
      hint="A subject, an address, or a network such as 203.0.113.0/24."
      value={value}
      onValue={onValue}
      attributes={{ required: true, maxLength: 256 }}
    />
  )
}
