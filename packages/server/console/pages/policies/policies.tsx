import { useEffect, useMemo, useState } from 'preact/hooks'
import { get, type Problem } from '../../lib/api.ts'
import { count, dateTime, fromNow, NONE, plural } from '../../lib/format.ts'
import { live } from '../../lib/live.ts'
import { to } from '../../lib/router.ts'
import { useStore } from '../../lib/store.ts'
import type { PolicyRow } from '../../lib/types.ts'
import { asProblem } from '../../lib/use-load.ts'
import { SearchField } from '../../parts/fields.tsx'
import { Page, Panel } from '../../parts/page.tsx'
import { Empty, Failed, Loading } from '../../parts/states.tsx'
import { type Column, LongTable } from '../../parts/table.tsx'

const COLUMNS: readonly Column<PolicyRow>[] = [
  {
    title: 'Namespace',
    isHead: true,
    cell: ({ namespace, killSwitch }) => (
      <>
        <a href={to('policies', namespace)}>{namespace}</a>
        {killSwitch && <span class="tag bad">limits off</span>}
      </>
    ),
  },
  { title: 'Policies', isNumber: true, cell: ({ policies }) => count(policies) },
  { title: 'Revision', isNumber: true, cell: ({ revision }) => revision },
  {
    title: 'From',
    isWide: true,
    cell: ({ from, inSource }) => (
      <>
        <span class="ellipsis">{from}</span>
        {!inSource && <span class="tag warn">no longer in the source</span>}
      </>
    ),
  },
  {
    title: 'Published',
    cell: ({ publishedAt }) => (publishedAt ? <time title={dateTime(publishedAt)}>{fromNow(publishedAt)}</time> : NONE),
  },
  { title: 'By', isWide: true, cell: ({ by }) => by ?? NONE },
]

export function PoliciesPage() {
  const { rows, isComplete, problem, reload } = useRows()
  const [filter, setFilter] = useState('')
  const found = useMemo(() => {
    const wanted = filter.toLowerCase()
    return wanted === ''
      ? rows
      : rows.filter(({ namespace, by, from }) => `${namespace} ${by ?? ''} ${from}`.toLowerCase().includes(wanted))
  }, [rows, filter])
  const total = useMemo(() => found.reduce((sum, { policies }) => sum + policies, 0), [found])
  return (
    <Page title="Policies">
      <Panel
        title="Namespaces"
        note={
          rows.length > 0 &&
          `${plural(found.length, 'namespace')}, ${plural(total, 'policy', 'policies')}${isComplete ? '' : ', loading more…'}`
        }
        actions={<SearchField label="Filter namespaces" value={filter} onValue={setFilter} />}
      >
        {problem !== undefined && <Failed problem={problem} retry={reload} />}
        {rows.length === 0 && !isComplete && problem === undefined && <Loading what="the policies" />}
        {rows.length === 0 && isComplete && (
          <Empty title="The service has no policies.">
            Publish a document with <code>sluice policies publish</code>, and it appears here.
          </Empty>
        )}
        {rows.length > 0 && found.length === 0 && <Empty title="No namespace matches." />}
        {found.length > 0 && (
          <LongTable caption="Namespaces and their policies" columns={COLUMNS} rows={found} keyOf={({ namespace }) => namespace} />
        )}
      </Panel>
    </Page>
  )
}

const PAGE = 1000

interface Rows {
  readonly rows: readonly PolicyRow[]
  readonly isComplete: boolean
  readonly problem?: Problem
}

/** All rows, page by page: the first ones are in view while the others come. Loaded again when a revision was published. */
function useRows(): Rows & { readonly reload: () => void } {
  const { changes } = useStore(live)
  const [state, setState] = useState<Rows>({ rows: [], isComplete: false })
  const [turn, setTurn] = useState(0)
  useEffect(() => {
    const controller = new AbortController()
    const load = async () => {
      const rows: PolicyRow[] = []
      for (;;) {
        const after = rows.at(-1)?.namespace
        const page = await get<{ rows: readonly PolicyRow[] }>('policies', { after, limit: PAGE }, controller.signal)
        rows.push(...page.rows)
        const isComplete = page.rows.length < PAGE
        setState((old) => (isComplete || rows.length > old.rows.length ? { rows: [...rows], isComplete } : old))
        if (isComplete) return
      }
    }
    load().catch((error: unknown) => {
      if (!controller.signal.aborted) setState((old) => ({ ...old, problem: asProblem(error) }))
    })
    return () => controller.abort()
  }, [turn, changes])
  return { ...state, reload: () => setTurn((old) => old + 1) }
}
