import { ask } from '../../lib/api.ts'
import { Dialog, useAction } from '../../parts/actions.tsx'

interface Props {
  readonly namespace: string
  readonly subject: string
  readonly onClose: () => void
}

export function ResetDialog({ namespace, subject, onClose }: Props) {
  const action = useAction()
  const submit = async () => {
    const isDone = await action.run(async () => {
      await ask('POST', `subjects/${encodeURIComponent(namespace)}/reset`, { body: { subject } })
      return `The counters of ${subject} start anew.`
    })
    if (isDone) onClose()
  }
  return (
    <Dialog title={`Reset ${subject}`} submit="Reset" onSubmit={() => void submit()} onClose={onClose} {...action}>
      <p>
        Every limit of <b>{namespace}</b> forgets what this subject used, on all instances. Its next request is counted as its first.
      </p>
    </Dialog>
  )
}
