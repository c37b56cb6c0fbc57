import { dateTime, fromNow, ms } from '../../lib/format.ts'
import { to } from '../../lib/router.ts'
import type { Instance, Overview, Region } from '../../lib/types.ts'
import { RegionState } from '../regions.tsx'
import { Panel } from '../../parts/page.tsx'
import { Empty } from '../../parts/states.tsx'
import { type Column, Table } from '../../parts/table.tsx'

/** ms. An instance reports more often than this. */
const SILENT = 30_000

/** Who decides, and by which revisions. */
export function Instances({ overview }: { readonly overview: Overview }) {
  const latest = new Map(overview.namespaces.map(({ namespace, revision }) => [namespace, revision]))
  const columns: readonly Column<Instance>[] = [
    {
      title: 'Instance',
      isHead: true,
      cell: ({ id, host }) => (
        <>
          {host} <span class="mono muted">{id}</span>
          {id === overview.instance.id && <span class="tag">this one</span>}
        </>
      ),
    },
    { title: 'Version', isWide: true, cell: ({ version }) => version },
    { title: 'Started', isWide: true, cell: ({ startedAt }) => <time title={dateTime(startedAt)}>{fromNow(startedAt)}</time> },
    {
      title: 'Seen',
      cell: ({ seenAt }) => <span class={Date.now() - seenAt > SILENT ? 'tone-bad' : ''}>{fromNow(seenAt)}</span>,
    },
    { title: 'Revisions', cell: (instance) => <Revisions instance={instance} latest={latest} /> },
  ]
  return (
    <Panel title="Instances" class="span-2">
      {overview.instances.length === 0 ? (
        <Empty title="No instance has reported yet." />
      ) : (
        <Table caption="Instances and their revisions" columns={columns} rows={overview.instances} keyOf={({ id }) => id} />
      )}
    </Panel>
  )
}

const NAMED = 4

/** Names the namespaces that are behind. Where none is, a few; a fleet may have thousands. */
function Revisions({ instance, latest }: { readonly instance: Instance; readonly latest: ReadonlyMap<string, number> }) {
  const all = Object.entries(instance.revisions)
  const behind = all.filter(([namespace, revision]) => revision < (latest.get(namespace) ?? 0))
  const named = (behind.length > 0 ? behind : all).slice(0, NAMED)
  const others = (behind.length > 0 ? behind : all).length - named.length
  return (
    <span class="tags">
      {named.map(([namespace, revision]) => (
        <a key={namespace} class={behind.length > 0 ? 'tag warn' : 'tag'} href={to('policies', namespace)}>
          {namespace} {revision}
          {behind.length > 0 && ` of ${latest.get(namespace)}`}
        </a>
      ))}
      {others > 0 && <span class="muted">and {others} more</span>}
      {behind.length === 0 && all.length > 0 && <span class="muted">up to date</span>}
    </span>
  )
}

/** Where requests are counted, and which part of it answers. */
export function Shards({ overview: { store } }: { readonly overview: Overview }) {
  return (
    <Panel title="Store" note={store.name}>
      <ul class="rows">
        {store.shards.length === 0 && (
          <li>
            <span>The whole store</span>
            <State state={store.state} />
          </li>
        )}
        {store.shards.map(({ name, state }) => (
          <li key={name}>
            <span class="mono">{name}</span>
            <State state={state} />
          </li>
        ))}
      </ul>
    </Panel>
  )
}

const TONES: Readonly<Record<string, string>> = { up: 'good', closed: 'good', degraded: 'warn', probing: 'warn', 'half-open': 'warn' }
const WORDS: Readonly<Record<string, string>> = {
  closed: 'up',
  open: 'away: its breaker is open',
  'half-open': 'its breaker probes',
  away: 'away',
  up: 'up',
}

function State({ state }: { readonly state: string }) {
  return <span class={`dot ${TONES[state] ?? 'bad'}`}>{WORDS[state] ?? state}</span>
}

export function Regions({ regions }: { readonly regions: readonly Region[] }) {
  return (
    <Panel title="Regions" note="how long a message takes">
      <ul class="rows">
        {regions.map((region) => (
          <li key={region.name}>
            <a href={to('regions')}>{region.name}</a>
            {region.isSilent && <RegionState region={region} />}
            <b>{ms(region.lagMs)}</b>
          </li>
        ))}
      </ul>
    </Panel>
  )
}
