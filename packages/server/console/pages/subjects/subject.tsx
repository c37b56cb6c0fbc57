import { useState } from 'preact/hooks'
import { get } from '../../lib/api.ts'
import { entryInWords } from '../../lib/block-words.ts'
import { count, dateTime, duration, fromNow } from '../../lib/format.ts'
import { to } from '../../lib/router.ts'
import { whyNot } from '../../lib/session.ts'
import type { Override, SubjectLimit, SubjectPage as Answer, WhoAmI } from '../../lib/types.ts'
import { useLoad } from '../../lib/use-load.ts'
import { Button } from '../../parts/actions.tsx'
import { UsedBar } from '../../parts/bar.tsx'
import { Chart, type Series } from '../../parts/chart.tsx'
import { Page, Panel } from '../../parts/page.tsx'
import { Empty, Notice, Shown } from '../../parts/states.tsx'
import { type Column, Table } from '../../parts/table.tsx'
import { BlockDialog } from '../blocks/dialogs.tsx'
import { OverrideDialog } from './override-dialog.tsx'
import { ResetDialog } from './reset-dialog.tsx'

const EVERY_MS = 3000

interface Props {
  readonly who: WhoAmI
  readonly namespace: string
  readonly subject: string
}

/** What one subject used, and what can be done about it. */
export function SubjectPage({ who, namespace, subject }: Props) {
  const loaded = useLoad(
    `${namespace}/${subject}`,
    (signal) => get<Answer>(`subjects/${encodeURIComponent(namespace)}`, { subject }, signal),
    EVERY_MS,
  )
  const [open, setOpen] = useState<'reset' | 'override' | 'block' | undefined>(undefined)
  const close = () => (setOpen(undefined), loaded.reload())
  const mayNot = whyNot(who, 'subjects', namespace)
  return (
    <Page
      title={subject}
      above={
        <>
          <a href={to('subjects')}>Subjects</a> · {namespace}
        </>
      }
      actions={
        <>
          <Button onPress={() => setOpen('reset')} disabledBecause={mayNot}>
            Reset
          </Button>
          <Button onPress={() => setOpen('override')} disabledBecause={mayNot}>
            Override…
          </Button>
          <Button kind="danger" onPress={() => setOpen('block')} disabledBecause={whyNot(who, 'blocks', namespace)}>
            Block…
          </Button>
        </>
      }
    >
      <Shown loaded={loaded} what="the subject">
        {(data) => (
          <>
            <Blocked data={data} />
            <div class="grid">
              <Limits limits={data.limits} />
              <History history={data.history} />
              <Overrides overrides={data.overrides} />
            </div>
            {open === 'override' && <OverrideDialog namespace={namespace} subject={subject} limits={data.limits} onClose={close} />}
          </>
        )}
      </Shown>
      {open === 'reset' && <ResetDialog namespace={namespace} subject={subject} onClose={close} />}
      {open === 'block' && <BlockDialog target={subject} onClose={close} />}
    </Page>
  )
}

function Blocked({ data: { block, limits } }: { readonly data: Answer }) {
  return (
    <>
      {block && (
        <Notice tone="bad" title="This subject is blocked.">
          <ul>
            {entryInWords(block).map((each) => (
              <li key={each}>{each}</li>
            ))}
          </ul>
          <a href={to('blocks')}>Block list</a>
        </Notice>
      )}
      {limits.some(({ source }) => AWAY.has(source ?? '')) && (
        <Notice tone="warn" title="The store does not answer, so nobody knows what this subject has used." />
      )}
    </>
  )
}

/** What decides in place of the store. */
const AWAY: ReadonlySet<string> = new Set(['open', 'closed', 'local'])

const LIMITS: readonly Column<SubjectLimit>[] = [
  {
    title: 'Limit',
    isHead: true,
    cell: ({ policy, limit, mode }) => (
      <>
        <span class="mono">
          {policy}.{limit}
        </span>
        {mode !== 'enforce' && <span class="tag">{mode}</span>}
      </>
    ),
  },
  { title: 'Used', cell: ({ used, max }) => <UsedBar used={used} max={max} /> },
  { title: 'Remaining', isNumber: true, isWide: true, cell: ({ remaining }) => count(remaining) },
  { title: 'Resets', cell: ({ resetAt }) => fromNow(resetAt) },
  {
    title: 'Algorithm',
    isWide: true,
    cell: ({ algorithm, windowMs }) => (
      <span class="muted">
        {algorithm}
        {windowMs ? `, ${duration(windowMs)}` : ''}
      </span>
    ),
  },
]

function Limits({ limits }: { readonly limits: readonly SubjectLimit[] }) {
  return (
    <Panel title="Limits now" class="span-3">
      {limits.length === 0 ? (
        <Empty title="No limit has counted this subject.">It has sent no request, or its counters have ended.</Empty>
      ) : (
        <Table
          caption="Limits of this subject"
          columns={LIMITS}
          rows={limits}
          keyOf={({ policy, limit, subjectName }) => `${policy}.${limit} ${subjectName}`}
        />
      )}
    </Panel>
  )
}

function History({ history }: Pick<Answer, 'history'>) {
  const series: readonly Series[] = [
    { name: 'refused', colour: '--refused', values: history.map(({ refused }) => refused) },
    { name: 'allowed', colour: '--allowed', values: history.map(({ allowed }) => allowed) },
  ]
  return (
    <Panel title="Requests per minute" note="last 15 minutes, by this instance" class="span-2">
      {history.length === 0 ? (
        <Empty title="No request in the last 15 minutes." />
      ) : (
        <Chart label="Requests per minute" times={history.map(({ at }) => at)} series={series} isStacked format={count} height={180} />
      )}
    </Panel>
  )
}

function Overrides({ overrides }: Pick<Answer, 'overrides'>) {
  return (
    <Panel title="Overrides">
      {overrides.length === 0 ? (
        <Empty title="The policies treat this subject like every other." />
      ) : (
        <ul class="rows">
          {overrides.map((each) => (
            <li key={JSON.stringify(each)}>
              <span class="mono">{each.policy}</span>
              <span>{inWords(each)}</span>
              <span class="muted">{each.until ? `until ${dateTime(each.until)}` : 'for good'}</span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  )
}

function inWords({ exempt, tier, limits = {} }: Override): string {
  if (exempt === true) return 'no limit'
  if (tier !== undefined) return `tier ${tier}`
  return Object.entries(limits)
    .map(([name, { limit, burst }]) => `${name} ${[limit, burst && `burst ${burst}`].filter(Boolean).join(', ')}`)
    .join('; ')
}
