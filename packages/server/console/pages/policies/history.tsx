import { useState } from 'preact/hooks'
import { ask, get } from '../../lib/api.ts'
import { dateTime, fromNow, NONE } from '../../lib/format.ts'
import { refreshOverview } from '../../lib/live.ts'
import { whyNot } from '../../lib/session.ts'
import type { HistoryRow, PolicyChange, PolicyText, Published, WhoAmI } from '../../lib/types.ts'
import { useLoad } from '../../lib/use-load.ts'
import { Editor } from '../../editor/editor.tsx'
import { Button, Dialog, useAction } from '../../parts/actions.tsx'
import { TextField } from '../../parts/fields.tsx'
import { Panel } from '../../parts/page.tsx'
import { Empty, Shown } from '../../parts/states.tsx'
import { type Column, Table } from '../../parts/table.tsx'
import { Changes } from './changes.tsx'
import { noteOf, publishedInWords } from './publish-dialog.tsx'

interface Props {
  readonly who: WhoAmI
  readonly namespace: string
  readonly current: PolicyText | undefined
  readonly onChange: () => void
}

/** The revisions of a namespace, newest first. Each can be read, compared with the one in force, and published again. */
export function HistoryPanel({ who, namespace, current, onChange }: Props) {
  const path = `policies/${encodeURIComponent(namespace)}/history`
  const loaded = useLoad(path, (signal) => get<{ rows: readonly HistoryRow[] }>(path, {}, signal))
  const [shown, setShown] = useState<number | undefined>(undefined)
  const [back, setBack] = useState<number | undefined>(undefined)
  const inForce = current?.revision
  const columns: readonly Column<HistoryRow>[] = [
    {
      title: 'Revision',
      isHead: true,
      cell: ({ revision, rollbackOf }) => (
        <>
          {revision}
          {revision === inForce && <span class="tag good">in force</span>}
          {rollbackOf ? <span class="tag">content of {rollbackOf}</span> : null}
        </>
      ),
    },
    { title: 'At', cell: ({ at }) => (at ? <time title={dateTime(at)}>{fromNow(at)}</time> : NONE) },
    { title: 'By', cell: ({ by }) => by ?? NONE },
    { title: 'Note', isWide: true, cell: ({ note, description }) => <span class="wrap">{note || description || NONE}</span> },
    {
      title: 'Actions',
      isUntitled: true,
      isNumber: true,
      cell: ({ revision }) => (
        <span class="actions">
          <Button kind="quiet" onPress={() => setShown(revision)}>
            Read<span class="hidden"> revision {revision}</span>
          </Button>
          <Button
            kind="quiet"
            onPress={() => setBack(revision)}
            disabledBecause={revision === inForce ? 'This revision is in force.' : whyNot(who, 'policies', namespace)}
          >
            Roll back<span class="hidden"> to revision {revision}</span>
          </Button>
        </span>
      ),
    },
  ]
  return (
    <div class="stack">
      <Panel title="Revisions" note="newest first">
        <Shown loaded={loaded} what="the history">
          {({ rows }) =>
            rows.length === 0 ? (
              <Empty title="No earlier revision is kept.">The source of this namespace keeps no history.</Empty>
            ) : (
              <Table caption="Revisions of the document" columns={columns} rows={rows} keyOf={({ revision }) => String(revision)} />
            )
          }
        </Shown>
      </Panel>
      {shown !== undefined && (
        <Earlier key={shown} namespace={namespace} revision={shown} inForce={inForce} onClose={() => setShown(undefined)} />
      )}
      {back !== undefined && (
        <RollbackDialog
          namespace={namespace}
          to={back}
          onClose={(isDone) => {
            setBack(undefined)
            if (!isDone) return
            loaded.reload()
            onChange()
          }}
        />
      )}
    </div>
  )
}

interface EarlierProps {
  readonly namespace: string
  readonly revision: number
  readonly inForce: number | undefined
  readonly onClose: () => void
}

function Earlier({ namespace, revision, inForce, onClose }: EarlierProps) {
  const path = `policies/${encodeURIComponent(namespace)}`
  const text = useLoad(`${path}/${revision}`, async (signal) =>
    textOf(await get<string | { text: string }>(`${path}/history/${revision}`, {}, signal)),
  )
  const diff = useLoad(text.data === undefined || revision === inForce ? undefined : text.data, (signal) =>
    ask<{ changes: readonly PolicyChange[] }>('POST', `${path}/diff`, { body: { text: text.data }, signal }),
  )
  return (
    <Panel title={`Revision ${revision}`} actions={<Button onPress={onClose}>Close</Button>}>
      {diff.data !== undefined && (
        <>
          <h3 class="panel-text">If it were published again</h3>
          <Changes changes={diff.data.changes} />
        </>
      )}
      <Shown loaded={text} what="the revision">
        {(data) => <Editor label={`Revision ${revision} of ${namespace}`} text={data} isReadOnly />}
      </Shown>
    </Panel>
  )
}

function textOf(answer: string | { readonly text: string }): string {
  return typeof answer === 'string' ? answer : answer.text
}

interface RollbackProps {
  readonly namespace: string
  readonly to: number
  readonly onClose: (isDone: boolean) => void
}

function RollbackDialog({ namespace, to, onClose }: RollbackProps) {
  const [note, setNote] = useState('')
  const action = useAction()
  const submit = async () => {
    const isDone = await action.run(async () => {
      const answer = await ask<Published>('POST', `policies/${encodeURIComponent(namespace)}/rollback`, {
        body: { to, ...noteOf(note), wait: true },
      })
      refreshOverview().catch(() => undefined)
      return publishedInWords(namespace, answer)
    })
    if (isDone) onClose(true)
  }
  return (
    <Dialog
      title={`Roll ${namespace} back to revision ${to}`}
      submit="Roll back"
      onSubmit={() => void submit()}
      onClose={() => onClose(false)}
      {...action}
    >
      <p>The content of revision {to} is published as a new revision. The revisions between them stay in the history.</p>
      <TextField label="Note" value={note} onValue={setNote} attributes={{ maxLength: 256 }} />
    </Dialog>
  )
}
