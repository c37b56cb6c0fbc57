import { useState } from 'preact/hooks'
import { get } from '../../lib/api.ts'
import { entryInWords } from '../../lib/block-words.ts'
import { count, dateTime, fromNow, NONE } from '../../lib/format.ts'
import { whyNot } from '../../lib/session.ts'
import type { BlockRow, Blocks, WhoAmI } from '../../lib/types.ts'
import { useLoad } from '../../lib/use-load.ts'
import { Button } from '../../parts/actions.tsx'
import { SearchField } from '../../parts/fields.tsx'
import { Page, Panel } from '../../parts/page.tsx'
import { Empty, Notice, Shown } from '../../parts/states.tsx'
import { type Column, LongTable, Table } from '../../parts/table.tsx'
import { AllowDialog, BlockDialog, RemoveDialog } from './dialogs.tsx'
import { WhyPanel } from './why.tsx'

const EVERY_MS = 5000
/** From here on only the rows in view are drawn. */
const LONG = 100

type Open = { readonly kind: 'block' | 'allow' } | { readonly kind: 'remove'; readonly target: string; readonly isAllowed: boolean }

export function BlocksPage({ who }: { readonly who: WhoAmI }) {
  const loaded = useLoad('blocks', (signal) => get<Blocks>('blocks', {}, signal), EVERY_MS)
  const [open, setOpen] = useState<Open | undefined>(undefined)
  const [filter, setFilter] = useState('')
  const mayNot = whyNot(who, 'blocks')
  const close = () => (setOpen(undefined), loaded.reload())
  const remove = (isAllowed: boolean) => (target: string) => setOpen({ kind: 'remove', target, isAllowed })
  return (
    <Page
      title="Blocks"
      actions={
        <>
          <Button onPress={() => setOpen({ kind: 'allow' })} disabledBecause={mayNot}>
            Never block…
          </Button>
          <Button kind="danger" onPress={() => setOpen({ kind: 'block' })} disabledBecause={mayNot}>
            Block…
          </Button>
        </>
      }
    >
      {loaded.data?.isOn === false && (
        <Notice tone="warn" title="This service has no block list.">
          Start it with one, and it refuses who is on it.
        </Notice>
      )}
      <div class="grid">
        <Panel
          title="Blocked now"
          note={loaded.data && count(blockedIn(loaded.data).length)}
          actions={<SearchField label="Filter targets" value={filter} onValue={setFilter} />}
          class="span-2"
        >
          <Shown loaded={loaded} what="the block list">
            {(data) => (
              <List
                rows={blockedIn(data).filter((row) =>
                  `${row.name} ${row.reason ?? ''} ${row.rule}`.toLowerCase().includes(filter.toLowerCase()),
                )}
                isFiltered={filter !== ''}
                columns={columnsOf('Unblock', mayNot, remove(false))}
              />
            )}
          </Shown>
        </Panel>
        <WhyPanel />
        <Panel title="Never blocked" class="span-3">
          <Shown loaded={loaded} what="what is allowed">
            {(data) =>
              allowedIn(data).length === 0 ? (
                <Empty title="Nothing is allowed by hand.">
                  Add your monitoring, your offices and your partners, before a rule blocks them.
                </Empty>
              ) : (
                <Table
                  caption="Targets that are never blocked"
                  columns={columnsOf('Remove', mayNot, remove(true))}
                  rows={allowedIn(data)}
                  keyOf={keyOf}
                />
              )
            }
          </Shown>
        </Panel>
      </div>
      {open?.kind === 'block' && <BlockDialog onClose={close} />}
      {open?.kind === 'allow' && <AllowDialog onClose={close} />}
      {open?.kind === 'remove' && <RemoveDialog target={open.target} isAllowed={open.isAllowed} onClose={close} />}
    </Page>
  )
}

function List({
  rows,
  isFiltered,
  columns,
}: {
  readonly rows: readonly BlockRow[]
  readonly isFiltered: boolean
  readonly columns: readonly Column<BlockRow>[]
}) {
  if (rows.length === 0)
    return isFiltered ? (
      <Empty title="No target matches." />
    ) : (
      <Empty title="Nothing is blocked.">Rules add targets that are refused again and again. You can add one by hand.</Empty>
    )
  const Kind = rows.length > LONG ? LongTable : Table
  return <Kind caption="Blocked targets" columns={columns} rows={rows} keyOf={keyOf} />
}

const blockedIn = ({ rows }: Blocks): readonly BlockRow[] => rows.filter(({ effect }) => effect !== 'allow')
const allowedIn = ({ rows }: Blocks): readonly BlockRow[] => rows.filter(({ effect }) => effect === 'allow')
const keyOf = ({ kind, name, effect }: BlockRow): string => `${kind} ${name} ${effect}`

function columnsOf(verb: string, mayNot: string | undefined, onRemove: (target: string) => void): readonly Column<BlockRow>[] {
  return [
    {
      title: 'Target',
      isHead: true,
      cell: ({ name, reason, rule, effect }) => (
        <>
          <span class="mono">{name}</span>
          {(effect === 'shadow' || effect === 'drop') && <span class="tag">{effect}</span>}
          <span class="phone-only muted">{reason || rule}</span>
        </>
      ),
    },
    { title: 'Reason', isWide: true, cell: (row) => <Reason row={row} /> },
    { title: 'By', isWide: true, cell: ({ rule }) => (rule === 'manual' ? 'hand' : rule) },
    { title: 'Since', isWide: true, cell: ({ since }) => <time title={dateTime(since)}>{fromNow(since)}</time> },
    { title: 'Ends', cell: ({ until }) => (until ? <time title={dateTime(until)}>{fromNow(until)}</time> : 'never') },
    {
      title: verb,
      isUntitled: true,
      isNumber: true,
      cell: ({ name }) => (
        <Button kind="quiet" onPress={() => onRemove(name)} disabledBecause={mayNot}>
          {verb}
          <span class="hidden"> {name}</span>
        </Button>
      ),
    },
  ]
}

function Reason({ row }: { readonly row: BlockRow }) {
  const { reason, evidence } = row
  const words = reason || (evidence ? `${count(evidence.refused)} of ${count(evidence.requests)} requests refused` : NONE)
  return (
    <span class="ellipsis" title={entryInWords(row).join(' ')}>
      {words}
    </span>
  )
}
