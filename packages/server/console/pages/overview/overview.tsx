import { useMemo, useState } from 'preact/hooks'
import { count, ms, share, time } from '../../lib/format.ts'
import { type Live, live } from '../../lib/live.ts'
import { to } from '../../lib/router.ts'
import { useStore } from '../../lib/store.ts'
import { Chart, type Series } from '../../parts/chart.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Page, Panel } from '../../parts/page.tsx'
import { Empty, Failed, Loading } from '../../parts/states.tsx'
import { Problem } from '../../lib/api.ts'
import { Instances, Regions, Shards } from './fleet.tsx'
import { PolicyTable } from './policy-table.tsx'
import { byVerdict, VERDICTS } from './rates.ts'
import { Watched } from './watched.tsx'

/** ms: as much as the service remembers. */
const SPAN = 15 * 60_000

/** The state of the service, live. Pausing holds the picture still; the stream goes on. */
export function OverviewPage() {
  const current = useStore(live)
  const [held, setHeld] = useState<Live | undefined>(undefined)
  const shown = held ?? current
  return (
    <Page
      title="Overview"
      actions={
        <button
          type="button"
          class="button"
          aria-pressed={held !== undefined}
          onClick={() => setHeld(held === undefined ? current : undefined)}
        >
          <Icon name={held === undefined ? 'pause' : 'play'} />
          {held === undefined ? 'Pause' : 'Resume'}
        </button>
      }
    >
      <Content shown={shown} />
    </Page>
  )
}

function Content({ shown }: { readonly shown: Live }) {
  const { samples, overview, state, problem } = shown
  if (samples.length === 0 && overview === undefined)
    return state === 'lost' ? (
      <Failed problem={new Problem(0, problem ?? 'There is no connection.')} />
    ) : (
      <Loading what="the state of the service" />
    )
  return (
    <div class="grid">
      <Decisions samples={samples} />
      <Latency samples={samples} />
      <PolicyTable samples={samples} />
      <Watched />
      {overview !== undefined && <Instances overview={overview} />}
      <div class="stack">
        {overview !== undefined && <Shards overview={overview} />}
        {overview !== undefined && overview.regions.length > 0 && <Regions regions={overview.regions} />}
        <Changes changes={shown.changes} />
      </div>
    </div>
  )
}

function Decisions({ samples }: Pick<Live, 'samples'>) {
  const times = useMemo(() => samples.map(({ at }) => at), [samples])
  const series = useMemo(() => {
    const sums = byVerdict(samples)
    // What is refused lies at the bottom, where little of it is seen too.
    return VERDICTS.toReversed().map((verdict): Series => ({ name: verdict, colour: `--${verdict}`, values: sums[verdict] }))
  }, [samples])
  const last = samples.at(-1)
  return (
    <Panel title="Decisions per second" note="last 15 minutes" class="span-2">
      <div class="headline">
        <strong>{last ? count(last.perSecond) : '–'}</strong> <span class="muted">now</span>
        <strong>{last ? share(last.refusedShare) : '–'}</strong> <span class="muted">refused</span>
      </div>
      <Chart label="Decisions per second by verdict" times={times} series={series} isStacked format={count} span={SPAN} />
    </Panel>
  )
}

function Latency({ samples }: Pick<Live, 'samples'>) {
  const times = useMemo(() => samples.map(({ at }) => at), [samples])
  const series = useMemo(
    (): readonly Series[] => [
      { name: 'median', colour: '--muted', values: samples.map(({ latencyMs }) => latencyMs.p50) },
      { name: '99th percentile', colour: '--accent', values: samples.map(({ latencyMs }) => latencyMs.p99) },
    ],
    [samples],
  )
  const last = samples.at(-1)
  return (
    <Panel title="Latency of a decision">
      <div class="headline">
        <strong>{ms(last?.latencyMs.p99)}</strong> <span class="muted">99th percentile now</span>
      </div>
      <Chart label="Latency of a decision" times={times} series={series} format={ms} span={SPAN} />
    </Panel>
  )
}

function Changes({ changes }: Pick<Live, 'changes'>) {
  return (
    <Panel title="New revisions" note="since this page was opened">
      {changes.length === 0 ? (
        <Empty title="No policies changed." />
      ) : (
        <ul class="rows">
          {changes.map(({ namespace, revision, at }) => (
            <li key={`${namespace} ${revision}`}>
              <a href={to('policies', namespace)}>{namespace}</a>
              <span>revision {revision}</span>
              <span class="muted">{time(at)}</span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  )
}
