import { useEffect } from 'preact/hooks'
import { startSession } from './lib/api.ts'
import { follow, refreshOverview } from './lib/live.ts'
import { place } from './lib/router.ts'
import { session } from './lib/session.ts'
import { useStore } from './lib/store.ts'
import { refreshSwitches } from './lib/switches.ts'
import type { WhoAmI } from './lib/types.ts'
import { AuditPage } from './pages/audit.tsx'
import { BlocksPage } from './pages/blocks/blocks.tsx'
import { KillSwitchPage } from './pages/kill-switch.tsx'
import { OverviewPage } from './pages/overview/overview.tsx'
import { PoliciesPage } from './pages/policies/policies.tsx'
import { PolicyPage } from './pages/policies/policy.tsx'
import { RegionsPage } from './pages/regions.tsx'
import { SetupPage } from './pages/setup.tsx'
import { SignInPage } from './pages/sign-in.tsx'
import { SubjectPage } from './pages/subjects/subject.tsx'
import { SubjectsPage } from './pages/subjects/subjects.tsx'
import { Page } from './parts/page.tsx'
import { Empty, Loading, Notice } from './parts/states.tsx'
import { Toasts } from './parts/toasts.tsx'
import { Frame } from './frame.tsx'

export function App() {
  const now = useStore(session)
  if (now.state === 'starting')
    return (
      <main class="alone">
        <Loading what="the console" />
      </main>
    )
  if (now.state === 'off') return <SetupPage />
  if (now.state === 'signed-out') return <SignInPage message={now.message} />
  if (now.state === 'unreachable')
    return (
      <main class="alone">
        <Notice tone="bad" title={now.message} role="alert">
          <button type="button" class="button" onClick={() => void startSession()}>
            Try again
          </button>
        </Notice>
      </main>
    )
  return <SignedIn who={now.who} />
}

/** ms. Instances come and go without an event. */
const OVERVIEW_EVERY = 10_000

function SignedIn({ who }: { readonly who: WhoAmI }) {
  useEffect(() => {
    const stop = follow()
    const refresh = () => void Promise.allSettled([refreshOverview(), refreshSwitches()])
    refreshSwitches().catch(() => undefined)
    const timer = setInterval(refresh, OVERVIEW_EVERY)
    return () => (stop(), clearInterval(timer))
  }, [])
  return (
    <>
      <Frame who={who}>
        <CurrentPage who={who} />
      </Frame>
      <Toasts />
    </>
  )
}

function CurrentPage({ who }: { readonly who: WhoAmI }) {
  const [first = 'overview', namespace, third] = useStore(place).segments
  if (first === 'overview') return <OverviewPage />
  if (first === 'subjects')
    return namespace !== undefined && third !== undefined ? (
      <SubjectPage key={`${namespace}/${third}`} who={who} namespace={namespace} subject={third} />
    ) : (
      <SubjectsPage />
    )
  if (first === 'policies')
    return namespace === undefined ? (
      <PoliciesPage />
    ) : (
      <PolicyPage key={namespace} who={who} namespace={namespace} tab={third ?? 'document'} />
    )
  if (first === 'blocks') return <BlocksPage who={who} />
  if (first === 'regions') return <RegionsPage />
  if (first === 'audit') return <AuditPage />
  if (first === 'kill-switch') return <KillSwitchPage who={who} />
  return (
    <Page title="No such page">
      <Empty title="The console has no page at this address.">
        <a href="#/">Go to the overview</a>
      </Empty>
    </Page>
  )
}
