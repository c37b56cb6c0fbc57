import { useMemo, useState } from 'preact/hooks'
import { count, share } from '../../lib/format.ts'
import { to } from '../../lib/router.ts'
import type { Sample } from '../../lib/types.ts'
import { Sparkline } from '../../parts/bar.tsx'
import { SearchField } from '../../parts/fields.tsx'
import { Panel } from '../../parts/page.tsx'
import { Empty } from '../../parts/states.tsx'
import { type Column, Table } from '../../parts/table.tsx'
import { byPolicy, type PolicyRates } from './rates.ts'

const SHOWN = 20
/** The row of the service for what is beyond its bound. */
const OTHERS = '__other__'

const COLUMNS: readonly Column<PolicyRates>[] = [
  {
    title: 'Policy',
    isHead: true,
    cell: ({ namespace, policy, limit }) =>
      namespace === OTHERS ? (
        'All others'
      ) : (
        <>
          <a href={to('policies', namespace)}>{namespace}</a> <span class="mono">{[policy, limit].filter(Boolean).join('.')}</span>
        </>
      ),
  },
  { title: 'Last minute', isWide: true, cell: ({ recent }) => <Sparkline values={recent} /> },
  { title: 'Allowed/s', isNumber: true, cell: ({ now }) => count(now.allowed) },
  { title: 'Refused/s', isNumber: true, cell: ({ now }) => <Rate value={now.refused} verdict="refused" /> },
  { title: 'Blocked/s', isNumber: true, isWide: true, cell: ({ now }) => <Rate value={now.blocked} verdict="blocked" /> },
  { title: 'Unavailable/s', isNumber: true, isWide: true, cell: ({ now }) => <Rate value={now.unavailable} verdict="unavailable" /> },
  { title: 'Shadowed/s', isNumber: true, isWide: true, cell: ({ now }) => <Rate value={now.shadowed} verdict="shadowed" /> },
  { title: 'Refused', isNumber: true, cell: ({ refusedShare }) => share(refusedShare) },
]

/** Zeros step back, so that the other numbers stand out. */
function Rate({ value, verdict }: { readonly value: number; readonly verdict: string }) {
  return <span class={value === 0 ? 'muted' : `verdict ${verdict}`}>{count(value)}</span>
}

export function PolicyTable({ samples }: { readonly samples: readonly Sample[] }) {
  const [filter, setFilter] = useState('')
  const rows = useMemo(() => byPolicy(samples), [samples])
  const found = rows.filter(({ id }) => id.toLowerCase().includes(filter.toLowerCase()))
  return (
    <Panel
      title="By policy"
      note={found.length > SHOWN ? `the ${SHOWN} busiest of ${found.length}` : 'mean of 5 seconds'}
      actions={rows.length > 5 && <SearchField label="Filter policies" value={filter} onValue={setFilter} />}
      class="span-3"
    >
      {found.length === 0 ? (
        <Empty title={rows.length === 0 ? 'No decision in the last minute.' : 'No policy matches.'}>
          {rows.length === 0 && (
            <>
              Try one: <code>curl '{location.origin}/check?user_id=ada'</code>
            </>
          )}
        </Empty>
      ) : (
        <Table caption="Decisions per second by policy" columns={COLUMNS} rows={found.slice(0, SHOWN)} keyOf={({ id }) => id} />
      )}
    </Panel>
  )
}
