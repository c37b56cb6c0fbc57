import { useEffect, useState } from 'preact/hooks'
import { ask } from '../../lib/api.ts'
import { count, ms, plural } from '../../lib/format.ts'
import { refreshOverview } from '../../lib/live.ts'
import type { PolicyChange, Published } from '../../lib/types.ts'
import { Dialog, useAction } from '../../parts/actions.tsx'
import { TextField } from '../../parts/fields.tsx'
import { Changes } from './changes.tsx'

interface Props {
  readonly namespace: string
  readonly text: string
  /** The revision that the draft began with. Another one in force is a conflict. */
  readonly expected: number
  readonly changes: readonly PolicyChange[]
  readonly onClose: (isDone: boolean) => void
  readonly onConflict: () => void
}

export function PublishDialog({ namespace, text, expected, changes, onClose, onConflict }: Props) {
  const [note, setNote] = useState('')
  const action = useAction()
  const submit = async () => {
    const isDone = await action.run(async () => {
      const answer = await ask<Published>('PUT', `policies/${encodeURIComponent(namespace)}`, {
        body: { text, expected, ...noteOf(note), wait: true },
      })
      refreshOverview().catch(() => undefined)
      return publishedInWords(namespace, answer)
    })
    if (isDone) onClose(true)
  }
  const isConflict = action.problem?.status === 409
  useEffect(() => {
    if (isConflict) onConflict()
  }, [isConflict])
  const tighter = changes.filter(({ effect }) => effect === 'tighter').length
  return (
    <Dialog
      title={`Publish ${namespace}`}
      submit={`Publish revision ${expected + 1}`}
      onSubmit={() => void submit()}
      onClose={() => onClose(false)}
      {...action}
    >
      <p>All instances follow within seconds. {tighter > 0 && <b>{plural(tighter, 'change')} would refuse more than now.</b>}</p>
      <div class="dialog-list" tabIndex={0} role="region" aria-label="What changes">
        <Changes changes={changes} />
      </div>
      <TextField
        label="Note"
        hint="Why. The history and the audit log keep it."
        value={note}
        onValue={setNote}
        attributes={{ maxLength: 256 }}
      />
    </Dialog>
  )
}

/** The service takes no empty note. */
export function noteOf(note: string): { readonly note?: string } {
  return note === '' ? {} : { note }
}

/** What was published, and who has not followed yet. */
export function publishedInWords(namespace: string, { revision, waitedMs, laggards = [] }: Published): string {
  const head = `Revision ${revision} of ${namespace} is published`
  if (laggards.length > 0) return `${head}. ${count(laggards.length)} instances do not have it yet: ${laggards.slice(0, 3).join(', ')}.`
  return waitedMs === undefined ? `${head}.` : `${head}. Every instance has it after ${ms(waitedMs)}.`
}
