import { get } from '../lib/api.ts'
import { count, dateTime, fromNow, ms, NONE } from '../lib/format.ts'
import type { OwnRegion, Overview, Region } from '../lib/types.ts'
import { useLoad } from '../lib/use-load.ts'
import { Page, Panel } from '../parts/page.tsx'
import { Empty, Notice, Shown } from '../parts/states.tsx'
import { type Column, Table } from '../parts/table.tsx'

/** Regions send beats every 2.5 s. */
const EVERY_MS = 5_000

/** What this instance knows of the regions that share its limits. */
export function RegionsPage() {
  const loaded = useLoad('regions', (signal) => get<Overview>('overview', {}, signal), EVERY_MS)
  return (
    <Page title="Regions">
      <p class="muted">
        Each region counts in a store of its own, and sends its counts to the others. This is what the instance that serves this page knows.
      </p>
      <Shown loaded={loaded} what="the regions">
        {({ region, regions }) =>
          region === null || region === undefined ? (
            <Panel title="Other regions">
              <Empty title="This service is in no region.">
                A store with the option <code>regions</code> shares its limits with other regions.
              </Empty>
            </Panel>
          ) : (
            <Known region={region} regions={regions} />
          )
        }
      </Shown>
    </Page>
  )
}

function Known({ region, regions }: { readonly region: OwnRegion; readonly regions: readonly Region[] }) {
  const silent = regions.filter(({ isSilent }) => isSilent).map(({ name }) => name)
  return (
    <>
      {silent.length > 0 && (
        <Notice tone="bad" title={`Nothing is heard of ${silent.join(', ')}.`}>
          Each region goes on by itself: up to the whole limit, or its share, as <code>whenSilent</code> says.
        </Notice>
      )}
      {region.cause !== null && (
        <Notice tone="warn" title="The last exchange failed.">
          {region.cause}
        </Notice>
      )}
      <div class="grid">
        <Panel title="Other regions" note={`this is ${region.self}`} class="span-2">
          <Table caption="Regions and when each was heard" columns={COLUMNS} rows={regions} keyOf={({ name }) => name} />
        </Panel>
        <Panel title="Exchanged" note="by this instance, since its start">
          <ul class="rows">
            {ROWS.map(([title, field]) => (
              <li key={field}>
                <span>{title}</span>
                <b>{count(region[field])}</b>
              </li>
            ))}
          </ul>
        </Panel>
      </div>
    </>
  )
}

const ROWS = [
  ['Units not published yet', 'unpublished'],
  ['Records sent', 'sent'],
  ['Records applied', 'applied'],
  ['Units above a limit after a message', 'over'],
  ['Counts that came too late', 'late'],
  ['Units that no bucket had room for', 'forgiven'],
  ['Transfers of rights (strict)', 'transfers'],
] as const

const COLUMNS: readonly Column<Region>[] = [
  { title: 'Region', isHead: true, cell: ({ name }) => name },
  { title: 'State', cell: (region) => <RegionState region={region} /> },
  {
    title: 'Last message',
    cell: ({ heardAt }) => (heardAt === null ? NONE : <time title={dateTime(heardAt)}>{fromNow(heardAt)}</time>),
  },
  { title: 'It took', isNumber: true, cell: ({ lagMs }) => ms(lagMs) },
]

export function RegionState({ region: { isSilent, heardAt } }: { readonly region: Region }) {
  if (isSilent) return <span class="dot bad">silent</span>
  return heardAt === null ? <span class="dot">not heard yet</span> : <span class="dot good">heard</span>
}
