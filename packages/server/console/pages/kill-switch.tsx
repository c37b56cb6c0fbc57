import { useState } from 'preact/hooks'
import { ask, get } from '../lib/api.ts'
import { dateTime, fromNow, NONE } from '../lib/format.ts'
import { whyNot } from '../lib/session.ts'
import { refreshSwitches } from '../lib/switches.ts'
import type { KillSwitchRow, WhoAmI } from '../lib/types.ts'
import { useLoad } from '../lib/use-load.ts'
import { Button, Dialog, useAction } from '../parts/actions.tsx'
import { SelectField, TextField } from '../parts/fields.tsx'
import { NamespaceField } from '../parts/namespace-field.tsx'
import { Page, Panel } from '../parts/page.tsx'
import { Empty, Shown } from '../parts/states.tsx'
import { type Column, Table } from '../parts/table.tsx'

const EVERY_MS = 10_000
const FOR = [
  { value: '15', label: '15 minutes' },
  { value: '60', label: '1 hour' },
  { value: '240', label: '4 hours' },
  { value: '1440', label: '1 day' },
]

type Open = { readonly mode: 'off' } | { readonly mode: 'on'; readonly namespace: string }

/** Takes the limits of a namespace out of the way, for a time and with a reason. */
export function KillSwitchPage({ who }: { readonly who: WhoAmI }) {
  const loaded = useLoad('kill-switch', (signal) => get<{ rows: readonly KillSwitchRow[] }>('kill-switch', {}, signal), EVERY_MS)
  const [open, setOpen] = useState<Open | undefined>(undefined)
  const close = () => {
    setOpen(undefined)
    loaded.reload()
    refreshSwitches().catch(() => undefined)
  }
  return (
    <Page
      title="Kill switch"
      actions={
        <Button kind="danger" onPress={() => setOpen({ mode: 'off' })} disabledBecause={whyNot(who, 'policies')}>
          Switch limits off…
        </Button>
      }
    >
      <p class="muted">
        If limits refuse what they must not, switch a namespace off: every request of it is admitted, until the time you set.
      </p>
      <Panel title="Switched off">
        <Shown loaded={loaded} what="the kill switch">
          {({ rows }) =>
            rows.length === 0 ? (
              <Empty title="All limits hold.">No namespace is switched off.</Empty>
            ) : (
              <Table
                caption="Namespaces that are switched off"
                columns={columnsOf(who, (namespace) => setOpen({ mode: 'on', namespace }))}
                rows={rows}
                keyOf={({ namespace }) => namespace}
              />
            )
          }
        </Shown>
      </Panel>
      {open?.mode === 'off' && <OffDialog who={who} onClose={close} />}
      {open?.mode === 'on' && <OnDialog namespace={open.namespace} onClose={close} />}
    </Page>
  )
}

function columnsOf(who: WhoAmI, onSwitch: (namespace: string) => void): readonly Column<KillSwitchRow>[] {
  return [
    {
      title: 'Namespace',
      isHead: true,
      cell: ({ namespace, reason }) => (
        <>
          {namespace}
          <span class="phone-only muted">{reason}</span>
        </>
      ),
    },
    { title: 'Off until', cell: ({ until }) => (until ? <time title={dateTime(until)}>{fromNow(until)}</time> : 'switched on by hand') },
    { title: 'Reason', isWide: true, cell: ({ reason }) => <span class="wrap">{reason || NONE}</span> },
    { title: 'By', isWide: true, cell: ({ by }) => by ?? NONE },
    { title: 'Revision', isNumber: true, isWide: true, cell: ({ revision }) => revision },
    {
      title: 'Switch on',
      isUntitled: true,
      isNumber: true,
      cell: ({ namespace }) => (
        <Button onPress={() => onSwitch(namespace)} disabledBecause={whyNot(who, 'policies', namespace)}>
          Switch on<span class="hidden"> {namespace}</span>
        </Button>
      ),
    },
  ]
}

function OffDialog({ who, onClose }: { readonly who: WhoAmI; readonly onClose: () => void }) {
  const [namespace, setNamespace] = useState('')
  const [minutes, setMinutes] = useState('60')
  const [reason, setReason] = useState('')
  const action = useAction()
  const submit = async () => {
    const isDone = await action.run(async () => {
      const until = new Date(Date.now() + Number(minutes) * 60_000).toISOString()
      await ask('POST', 'kill-switch', { body: { namespace, mode: 'off', until, reason } })
      return `The limits of ${namespace} are off until ${dateTime(until)}.`
    })
    if (isDone) onClose()
  }
  const disabledBecause = namespace === '' ? 'Choose a namespace.' : whyNot(who, 'policies', namespace)
  return (
    <Dialog
      title="Switch limits off"
      submit="Switch off"
      isDangerous
      disabledBecause={disabledBecause}
      onSubmit={() => void submit()}
      onClose={onClose}
      {...action}
    >
      <p>Nothing limits the requests of this namespace any more. What is behind the service gets all of them.</p>
      <NamespaceField value={namespace} onValue={setNamespace} />
      <SelectField label="For" value={minutes} onValue={setMinutes} choices={FOR} />
      <TextField label="Reason" value={reason} onValue={setReason} attributes={{ required: true, maxLength: 256 }} />
    </Dialog>
  )
}

function OnDialog({ namespace, onClose }: { readonly namespace: string; readonly onClose: () => void }) {
  const action = useAction()
  const [reason, setReason] = useState('')
  const submit = async () => {
    const isDone = await action.run(async () => {
      await ask('POST', 'kill-switch', { body: { namespace, mode: 'on', reason } })
      return `The limits of ${namespace} hold again.`
    })
    if (isDone) onClose()
  }
  return (
    <Dialog title={`Switch the limits of ${namespace} on`} submit="Switch on" onSubmit={() => void submit()} onClose={onClose} {...action}>
      <p>Requests are limited again, from what was used until now.</p>
      <TextField label="Reason" value={reason} onValue={setReason} attributes={{ required: true, maxLength: 256 }} />
    </Dialog>
  )
}
