import { useState } from 'preact/hooks'
import { get } from '../../lib/api.ts'
import { live } from '../../lib/live.ts'
import { to } from '../../lib/router.ts'
import { whyNot } from '../../lib/session.ts'
import { useStore } from '../../lib/store.ts'
import type { PolicyText, WhoAmI } from '../../lib/types.ts'
import { useLoad } from '../../lib/use-load.ts'
import { Editor } from '../../editor/editor.tsx'
import { Button } from '../../parts/actions.tsx'
import { Page, Panel } from '../../parts/page.tsx'
import { Notice, Shown } from '../../parts/states.tsx'
import { Draft } from './draft.tsx'
import { HistoryPanel } from './history.tsx'

const TABS = [
  { path: 'document', title: 'Document' },
  { path: 'history', title: 'History' },
] as const

interface Props {
  readonly who: WhoAmI
  readonly namespace: string
  readonly tab: string
}

/** The document of one namespace: read, changed, and as it was before. */
export function PolicyPage({ who, namespace, tab }: Props) {
  const loaded = useLoad(namespace, (signal) => get<PolicyText>(`policies/${encodeURIComponent(namespace)}`, {}, signal))
  const [isEditing, setEditing] = useState(false)
  const mayNot = whyNot(who, 'policies', namespace)
  return (
    <Page
      title={namespace}
      above={<a href={to('policies')}>Policies</a>}
      actions={
        tab === 'document' &&
        !isEditing && (
          <Button
            kind="primary"
            onPress={() => setEditing(true)}
            disabledBecause={loaded.data === undefined ? 'The document is not loaded.' : mayNot}
          >
            Edit
          </Button>
        )
      }
    >
      <nav class="tabs" aria-label="Views of the namespace">
        {TABS.map(({ path, title }) => (
          <a key={path} href={to('policies', namespace, path)} aria-current={path === tab ? 'page' : undefined}>
            {title}
          </a>
        ))}
      </nav>
      {tab === 'history' ? (
        <HistoryPanel who={who} namespace={namespace} current={loaded.data} onChange={loaded.reload} />
      ) : (
        <Shown loaded={loaded} what="the document">
          {(current) =>
            isEditing ? (
              <Draft namespace={namespace} current={current} onDone={() => (setEditing(false), loaded.reload())} onNewer={loaded.reload} />
            ) : (
              <Reading current={current} onNewer={loaded.reload} />
            )
          }
        </Shown>
      )}
    </Page>
  )
}

function Reading({ current: { namespace, revision, text }, onNewer }: { readonly current: PolicyText; readonly onNewer: () => void }) {
  const { changes, overview } = useStore(live)
  const latest = Math.max(
    changes.find((each) => each.namespace === namespace)?.revision ?? 0,
    overview?.namespaces.find((each) => each.namespace === namespace)?.revision ?? 0,
  )
  return (
    <>
      {latest > revision && (
        <Notice tone="info" title={`Revision ${latest} was published.`} role="status">
          <button type="button" class="button" onClick={onNewer}>
            Show it
          </button>
        </Notice>
      )}
      <Panel title={`Revision ${revision}`} note="in force">
        <Editor label={`Document of ${namespace}`} text={text} isReadOnly />
      </Panel>
    </>
  )
}
