import { useState } from 'preact/hooks'
import { get } from '../../lib/api.ts'
import { count, duration, fromNow } from '../../lib/format.ts'
import { useNamespaces } from '../../lib/namespaces.ts'
import { go, to } from '../../lib/router.ts'
import type { Counted, Nearest, Violator } from '../../lib/types.ts'
import { useLoad } from '../../lib/use-load.ts'
import { UsedBar } from '../../parts/bar.tsx'
import { Button } from '../../parts/actions.tsx'
import { SelectField, TextField } from '../../parts/fields.tsx'
import { NamespaceField } from '../../parts/namespace-field.tsx'
import { Page, Panel } from '../../parts/page.tsx'
import { Empty, Shown } from '../../parts/states.tsx'
import { type Column, Table } from '../../parts/table.tsx'

const EVERY_MS = 5000
const SINCE = [
  { value: '5m', label: 'last 5 minutes' },
  { value: '15m', label: 'last 15 minutes' },
  { value: '1h', label: 'last hour' },
  { value: '24h', label: 'last 24 hours' },
]

export function SubjectsPage() {
  const [namespace, setNamespace] = useState('')
  const [since, setSince] = useState('15m')
  return (
    <Page title="Subjects">
      <div class="toolbar">
        <Find />
        <div class="filters">
          <NamespaceField label="Show" all="All namespaces" value={namespace} onValue={setNamespace} />
          <SelectField label="Refusals of the" value={since} onValue={setSince} choices={SINCE} />
        </div>
      </div>
      <div class="grid">
        <Violators namespace={namespace} since={since} />
        <NearestTable namespace={namespace} />
      </div>
    </Page>
  )
}

/** Goes to the page of a subject that is in no list. */
function Find() {
  const namespaces = useNamespaces()
  const [chosen, setNamespace] = useState('')
  const [subject, setSubject] = useState('')
  const namespace = chosen === '' ? (namespaces[0] ?? '') : chosen
  return (
    <form
      class="filters"
      onSubmit={(event) => {
        event.preventDefault()
        if (namespace !== '' && subject !== '') go('subjects', namespace, subject)
      }}
    >
      <NamespaceField value={namespace} onValue={setNamespace} />
      <TextField
        label="Subject"
        value={subject}
        onValue={setSubject}
        attributes={{ required: true, placeholder: 'A user, a key, an address' }}
      />
      <Button type="submit" kind="primary">
        Look up
      </Button>
    </form>
  )
}

/** Who has counted, and for how long. */
function basisOf(counted: Counted<unknown> | undefined): string | undefined {
  if (counted?.minutes === undefined) return undefined
  return `last ${duration(counted.minutes * 60_000)}, by ${counted.from === 'analytics' ? 'all instances' : 'this instance'}`
}

function subjectColumn<T extends { readonly namespace: string; readonly subject: string }>(): Column<T> {
  return {
    title: 'Subject',
    isHead: true,
    cell: ({ namespace, subject }) => (
      <a class="mono" href={to('subjects', namespace, subject)}>
        {subject}
      </a>
    ),
  }
}

function limitColumn<T extends { readonly namespace: string; readonly policy: string; readonly limit?: string | null }>(): Column<T> {
  return {
    title: 'Limit',
    isWide: true,
    cell: ({ namespace, policy, limit }) => (
      <>
        <span class="muted">{namespace}</span> <span class="mono">{limit ? `${policy}.${limit}` : policy}</span>
      </>
    ),
  }
}

const keyOf = (row: Violator | Nearest): string => `${row.namespace} ${row.policy} ${row.limit} ${row.subject}`

const VIOLATORS: readonly Column<Violator>[] = [
  subjectColumn(),
  limitColumn(),
  { title: 'Refused', isNumber: true, cell: ({ refused }) => <b class="verdict refused">{count(refused)}</b> },
  { title: 'Last', cell: ({ lastAt }) => fromNow(lastAt) },
]

function Violators({ namespace, since }: { readonly namespace: string; readonly since: string }) {
  const loaded = useLoad(
    `violators ${namespace} ${since}`,
    (signal) => get<Counted<Violator>>('violators', { namespace, since, limit: 50 }, signal),
    EVERY_MS,
  )
  return (
    <Panel title="Refused most" note={basisOf(loaded.data)} class="span-half">
      <Shown loaded={loaded} what="subjects">
        {({ rows }) =>
          rows.length === 0 ? (
            <Empty title="Nobody was refused.">Subjects appear here as soon as a limit refuses one of their requests.</Empty>
          ) : (
            <Table caption="Subjects that were refused most" columns={VIOLATORS} rows={rows} keyOf={keyOf} />
          )
        }
      </Shown>
    </Panel>
  )
}

const NEAREST: readonly Column<Nearest>[] = [
  subjectColumn(),
  limitColumn(),
  { title: 'Used', cell: ({ used, max }) => <UsedBar used={used} max={max} /> },
  { title: 'Resets', isWide: true, cell: ({ resetAt }) => fromNow(resetAt) },
]

function NearestTable({ namespace }: { readonly namespace: string }) {
  const loaded = useLoad(`nearest ${namespace}`, (signal) => get<Counted<Nearest>>('nearest', { namespace, limit: 50 }, signal), EVERY_MS)
  return (
    <Panel title="Nearest to a limit" note={basisOf(loaded.data)} class="span-half">
      <Shown loaded={loaded} what="subjects">
        {({ rows }) =>
          rows.length === 0 ? (
            <Empty title="Nobody has used a limit yet.">The service lists whom it decided on recently.</Empty>
          ) : (
            <Table caption="Subjects that are nearest to a limit" columns={NEAREST} rows={rows} keyOf={keyOf} />
          )
        }
      </Shown>
    </Panel>
  )
}
