import { useState } from 'preact/hooks'
import { get } from '../../lib/api.ts'
import { count, dateTime, fromNow, NONE } from '../../lib/format.ts'
import { whyNot } from '../../lib/session.ts'
import type { BlockRow, Blocks, WhoAmI } from '../../lib/types.ts'
import { useLoad } from '../../lib/use-load.ts'
import { Button } from '../../parts/actions.tsx'
import { SearchField } from '../../parts/fields.tsx'
import { Page, Panel } from '../../parts/page.tsx'
import { Empty, Shown } from '../../parts/states.tsx'
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
      <div class="grid">
        <Panel
          title="Blocked now"
          note={loaded.data && count(loaded.data.rows.length)}
          actions={<SearchField label="Filter targets" value={filter} onValue={setFilter} />}
          class="span-2"
        >
          <Shown loaded={loaded} what="the block list">
            {({ rows }) => (
              <List
                rows={rows.filter((row) =>
                  `${row.target} ${row.reason ?? ''} ${row.source ?? ''}`.toLowerCase().includes(filter.toLowerCase()),
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
            {({ allowed = [] }) =>
              allowed.length === 0 ? (
                <Empty title="Nothing is allowed by hand.">
                  Add your monitoring, your offices and your partners, before a rule blocks them.
                </Empty>
              ) : (
                <Table
                  caption="Targets that are never blocked"
                  columns={columnsOf('Remove', mayNot, remove(true))}
                  rows={allowed}
                  keyOf={({ target }) => target}
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
  return <Kind caption="Blocked targets" columns={columns} rows={rows} keyOf={({ target }) => target} />
}

function columnsOf(verb: string, mayNot: string | undefined, onRemove: (target: string) => void): readonly Column<BlockRow>[] {
  return [
    {
      title: 'Target',
      isHead: true,
      cell: ({ target, reason, source }) => (
        <>
          <span class="mono">{target}</span>
          <span class="phone-only muted">{reason || source}</span>
        </>
      ),
    },
    { title: 'Reason', isWide: true, cell: ({ reason }) => <span class="ellipsis">{reason || NONE}</span> },
    { title: 'By', isWide: true, cell: ({ source }) => source ?? NONE },
    { title: 'Since', isWide: true, cell: ({ at }) => <time title={dateTime(at)}>{fromNow(at)}</time> },
    { title: 'Ends', cell: ({ until }) => (until ? <time title={dateTime(until)}>{fromNow(until)}</time> : 'never') },
    {
      title: verb,
      isUntitled: true,
      isNumber: true,
      cell: ({ target }) => (
        <Button kind="quiet" onPress={() => onRemove(target)} disabledBecause={mayNot}>
          {verb}
          <span class="hidden"> {target}</span>
        </Button>
      ),
    },
  ]
}
