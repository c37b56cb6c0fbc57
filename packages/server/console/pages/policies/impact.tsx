import { count, plural, share } from '../../lib/format.ts'
import type { Impact } from '../../lib/types.ts'
import { Empty } from '../../parts/states.tsx'
import { type Column, Table } from '../../parts/table.tsx'

interface Both {
  readonly name: string
  readonly refusedBefore: number
  readonly refusedAfter: number
}

const COLUMNS = (title: string): readonly Column<Both>[] => [
  { title, isHead: true, cell: ({ name }) => <span class="mono">{name}</span> },
  { title: 'Before', isNumber: true, cell: ({ refusedBefore }) => count(refusedBefore) },
  {
    title: 'After',
    isNumber: true,
    cell: ({ refusedBefore, refusedAfter }) => <b class={toneOf(refusedBefore, refusedAfter)}>{count(refusedAfter)}</b>,
  },
]

/** What the draft would have refused of recorded requests, beside what was refused. */
export function ImpactReport({ impact: { requests, refusedBefore, refusedAfter, limits, subjects, basis } }: { readonly impact: Impact }) {
  if (requests === 0)
    return <Empty title="No request was recorded.">The service records requests while it decides. Come back when it has.</Empty>
  const of = (refused: number) => `${count(refused)} (${share(refused / requests)})`
  return (
    <>
      <p class="panel-text">
        Of {plural(requests, 'request')}, {of(refusedBefore)} were refused. The draft would refuse{' '}
        <b class={toneOf(refusedBefore, refusedAfter)}>{of(refusedAfter)}</b>.
      </p>
      {limits.length > 0 && (
        <Table
          caption="Refusals by limit"
          columns={COLUMNS('Limit')}
          rows={limits.map((each) => ({ ...each, name: each.limit }))}
          keyOf={({ name }) => name}
        />
      )}
      {subjects.length > 0 && (
        <Table
          caption="Refusals by subject"
          columns={COLUMNS('Subject')}
          rows={subjects.map((each) => ({ ...each, name: `${each.subject}${each.limit === undefined ? '' : ` (${each.limit})`}` }))}
          keyOf={({ name }) => name}
        />
      )}
      {basis !== undefined && <p class="panel-text hint">Tried: {basis}.</p>}
    </>
  )
}

function toneOf(before: number, after: number): string {
  return after > before ? 'tone-bad' : after < before ? 'tone-good' : ''
}
