import { useEffect, useState } from 'preact/hooks'
import { get } from '../lib/api.ts'
import { dateTime } from '../lib/format.ts'
import type { AuditRow } from '../lib/types.ts'
import { useLoad } from '../lib/use-load.ts'
import { Button } from '../parts/actions.tsx'
import { NamespaceField } from '../parts/namespace-field.tsx'
import { Page, Panel } from '../parts/page.tsx'
import { Empty, Failed, Shown } from '../parts/states.tsx'

const PAGE = 100

interface Answer {
  readonly rows: readonly AuditRow[]
}

export function AuditPage() {
  const [namespace, setNamespace] = useState('')
  return (
    <Page title="Audit">
      <p class="muted">Every write by a token: who did what, and what was there before.</p>
      <div class="filters">
        <NamespaceField label="Show" all="All namespaces" value={namespace} onValue={setNamespace} />
      </div>
      <Panel title="Writes" note="newest first">
        <Rows key={namespace} namespace={namespace} />
      </Panel>
    </Page>
  )
}

function Rows({ namespace }: { readonly namespace: string }) {
  const first = useLoad(`audit ${namespace}`, (signal) => get<Answer>('audit', { namespace, limit: PAGE }, signal))
  const [older, setOlder] = useState<readonly AuditRow[]>([])
  const [before, setBefore] = useState<string | undefined>(undefined)
  const next = useLoad(before, (signal) => get<Answer>('audit', { namespace, limit: PAGE, before }, signal))
  useEffect(() => {
    if (next.data !== undefined) setOlder((kept) => [...kept, ...next.data!.rows])
  }, [next.data])
  return (
    <Shown loaded={first} what="the audit log">
      {({ rows: newest }) => {
        const rows = [...newest, ...older]
        const isComplete = newest.length < PAGE || (next.data !== undefined && next.data.rows.length < PAGE)
        if (rows.length === 0)
          return <Empty title="Nobody has changed anything.">Publishing, resets, overrides and blocks are listed here.</Empty>
        return (
          <>
            <ol class="audit">
              {rows.map((row) => (
                <Entry key={row.id} row={row} />
              ))}
            </ol>
            {next.problem !== undefined && <Failed problem={next.problem} retry={next.reload} />}
            {!isComplete && (
              <div class="panel-foot">
                <Button onPress={() => setBefore(String(rows.at(-1)!.id))} isBusy={next.isLoading}>
                  Older entries
                </Button>
              </div>
            )}
          </>
        )
      }}
    </Shown>
  )
}

function Entry({ row: { at, who, action, namespace, target, outcome, note, before, after, ip } }: { readonly row: AuditRow }) {
  const hasMore = (before !== null && before !== undefined) || (after !== null && after !== undefined)
  return (
    <li>
      <div class="audit-line">
        <time class="muted">{dateTime(at)}</time>
        <b>{who ?? 'nobody known'}</b>
        <span class="tags">
          <span class="tag">{action}</span>
          {outcome !== undefined && outcome !== 'done' && <span class="tag bad">{outcome}</span>}
        </span>
        <span class="audit-what">
          {namespace && namespace !== '*' && <span>{namespace} </span>}
          {target && <span class="mono">{target} </span>}
          {note && <span class="muted">{note}</span>}
        </span>
        {ip && <span class="muted mono not-phone">{ip}</span>}
      </div>
      {hasMore && (
        <details>
          <summary>Before and after</summary>
          <div class="two">
            <Value title="Before" value={before} />
            <Value title="After" value={after} />
          </div>
        </details>
      )}
    </li>
  )
}

function Value({ title, value }: { readonly title: string; readonly value: unknown }) {
  const text = value === null || value === undefined ? 'nothing' : typeof value === 'string' ? value : JSON.stringify(value, null, 2)
  return (
    <div>
      <span class="muted">{title}</span>
      <pre tabIndex={0} aria-label={title}>
        {text}
      </pre>
    </div>
  )
}
