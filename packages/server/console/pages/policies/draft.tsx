import { useEffect, useMemo, useState } from 'preact/hooks'
import { ask, get } from '../../lib/api.ts'
import type { Impact, PolicyChange, PolicyText, Validation } from '../../lib/types.ts'
import { useLoad } from '../../lib/use-load.ts'
import { Editor } from '../../editor/editor.tsx'
import { withRevision } from '../../editor/revision.ts'
import type { Schema } from '../../editor/schema.ts'
import { Button } from '../../parts/actions.tsx'
import { Panel } from '../../parts/page.tsx'
import { Empty, Notice, Shown } from '../../parts/states.tsx'
import { Changes } from './changes.tsx'
import { ImpactReport } from './impact.tsx'
import { PublishDialog } from './publish-dialog.tsx'

interface Props {
  readonly namespace: string
  readonly current: PolicyText
  /** Leaves the editor. */
  readonly onDone: () => void
  /** Loads the document that somebody else published. */
  readonly onNewer: () => void
}

/** ms without a key, after which the service checks the text. */
const QUIET = 600

/** The document while it is being changed: checked as it is typed, compared, and tried on recorded requests before it is published. */
export function Draft({ namespace, current, onDone, onNewer }: Props) {
  // What the draft began with. A newer revision does not change it under the hands of the writer.
  const [base] = useState({ revision: current.revision, text: withRevision(current.text, current.revision + 1) })
  const [text, setText] = useState(base.text)
  const [isPublishing, setPublishing] = useState(false)
  const settled = useSettled(text)
  const path = `policies/${encodeURIComponent(namespace)}`
  const schema = useLoad('schema', (signal) => get<Schema>('schema', {}, signal))
  const check = useLoad(settled, (signal) => ask<Validation>('POST', `${path}/validate`, { body: { text: settled }, signal }))
  const isValid = check.data?.ok === true && settled === text
  const isSame = text === base.text
  const diff = useLoad(isValid && !isSame ? settled : undefined, (signal) =>
    ask<{ changes: readonly PolicyChange[] }>('POST', `${path}/diff`, { body: { text: settled }, signal }),
  )
  const marks = useMemo(
    () => [...(check.data?.problems ?? []), ...(check.data?.findings ?? []).map((each) => ({ ...each, rule: each.rule ?? '' }))],
    [check.data],
  )
  useLeaveWarning(!isSame)
  return (
    <div class="grid">
      {current.revision > base.revision && (
        <div class="span-3">
          <Notice tone="warn" title={`Revision ${current.revision} was published while you were editing.`} role="status">
            Your text began with revision {base.revision}. Copy what you need, then discard it and edit the new one.
          </Notice>
        </div>
      )}
      <Panel
        title={`Draft after revision ${base.revision}`}
        note={isSame ? 'unchanged' : settled !== text || check.isLoading ? 'checking…' : isValid ? 'valid' : 'not valid'}
        actions={
          <>
            <Button onPress={onDone}>{isSame ? 'Close' : 'Discard'}</Button>
            <Button kind="primary" onPress={() => setPublishing(true)} disabledBecause={whyNotYet(isSame, isValid, check.data)}>
              Publish…
            </Button>
          </>
        }
        class="span-2"
      >
        <Editor label={`Document of ${namespace}`} text={text} onText={setText} schema={schema.data} problems={marks} />
      </Panel>
      <div class="stack">
        <Findings check={check.data} />
        <Panel title="What changes">
          {isSame ? (
            <Empty title="Nothing yet." />
          ) : isValid ? (
            <Shown loaded={diff} what="the difference">
              {({ changes }) => <Changes changes={changes} />}
            </Shown>
          ) : (
            <Empty title="Shown once the document is valid." />
          )}
        </Panel>
        <ImpactPanel path={path} text={settled} isReady={isValid && !isSame} />
      </div>
      {isPublishing && (
        <PublishDialog
          namespace={namespace}
          text={text}
          expected={base.revision}
          changes={diff.data?.changes ?? []}
          onClose={(isDone) => {
            setPublishing(false)
            if (isDone) onDone()
          }}
          onConflict={onNewer}
        />
      )}
    </div>
  )
}

function whyNotYet(isSame: boolean, isValid: boolean, check: Validation | undefined): string | undefined {
  if (isSame) return 'The document is unchanged.'
  if (isValid) return undefined
  return check === undefined || check.ok ? 'The document is being checked.' : 'The document has problems.'
}

function Findings({ check }: { readonly check: Validation | undefined }) {
  if (check === undefined) return null
  const { problems, findings } = check
  return (
    <Panel title="Checks">
      {problems.length + findings.length === 0 ? (
        <Empty title="No problem found." />
      ) : (
        <ul class="findings" aria-live="polite">
          {problems.map(({ path, message, line }) => (
            <li key={`${path} ${message}`} class="bad">
              <b>Problem</b> {line ? `line ${line}, ` : ''}
              <span class="mono">{path}</span>: {message}
            </li>
          ))}
          {findings.map(({ rule, path, message, line }) => (
            <li key={`${rule} ${path} ${message}`} class="warn">
              <b>{rule}</b> {line ? `line ${line}, ` : ''}
              <span class="mono">{path}</span>: {message}
            </li>
          ))}
        </ul>
      )}
    </Panel>
  )
}

function ImpactPanel({ path, text, isReady }: { readonly path: string; readonly text: string; readonly isReady: boolean }) {
  const [asked, setAsked] = useState<string | undefined>(undefined)
  const impact = useLoad(asked === text ? asked : undefined, (signal) =>
    ask<Impact>('POST', `${path}/impact`, { body: { text, minutes: 15 }, signal }),
  )
  return (
    <Panel
      title="Impact"
      note="on the requests of the last 15 minutes"
      actions={
        <Button
          onPress={() => setAsked(text)}
          isBusy={impact.isLoading}
          disabledBecause={isReady ? undefined : 'The draft is unchanged or not valid.'}
        >
          Try
        </Button>
      }
    >
      {asked === text ? (
        <Shown loaded={impact} what="the impact">
          {(data) => <ImpactReport impact={data} />}
        </Shown>
      ) : (
        <Empty title="Not tried yet." />
      )}
    </Panel>
  )
}

/** The text, once nothing was typed for a moment. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), QUIET)
    return () => clearTimeout(timer)
  }, [text])
  return settled
}

/** The browser asks before it closes a page with a draft. */
function useLeaveWarning(isChanged: boolean): void {
  useEffect(() => {
    if (!isChanged) return undefined
    const warn = (event: BeforeUnloadEvent) => event.preventDefault()
    addEventListener('beforeunload', warn)
    return () => removeEventListener('beforeunload', warn)
  }, [isChanged])
}
