import type { ComponentChildren } from 'preact'
import { count, share } from './lib/format.ts'
import { live } from './lib/live.ts'
import { place, to } from './lib/router.ts'
import { signOut } from './lib/session.ts'
import { useStore } from './lib/store.ts'
import { switches } from './lib/switches.ts'
import { nextTheme, theme } from './lib/theme.ts'
import type { StoreState, WhoAmI } from './lib/types.ts'
import { Icon, type IconName } from './parts/icon.tsx'
import { Notice } from './parts/states.tsx'

const PAGES: readonly { readonly path: string; readonly title: string; readonly icon: IconName }[] = [
  { path: 'overview', title: 'Overview', icon: 'overview' },
  { path: 'subjects', title: 'Subjects', icon: 'subjects' },
  { path: 'policies', title: 'Policies', icon: 'policies' },
  { path: 'blocks', title: 'Blocks', icon: 'blocks' },
  { path: 'regions', title: 'Regions', icon: 'regions' },
  { path: 'audit', title: 'Audit', icon: 'audit' },
  { path: 'kill-switch', title: 'Kill switch', icon: 'kill' },
]

/** What surrounds every page: the menu, who is signed in, and how the service is. */
export function Frame({ who, children }: { readonly who: WhoAmI; readonly children: ComponentChildren }) {
  const [current = 'overview'] = useStore(place).segments
  return (
    <div class="frame">
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), document.getElementById('main')!.focus())}>
        Skip to the page
      </a>
      <header class="side">
        <a class="brand" href="#/">
          <Logo />
          Sluice
        </a>
        <nav class="menu" aria-label="Pages">
          {PAGES.map(({ path, title, icon }) => (
            <a key={path} href={to(path)} aria-current={path === current ? 'page' : undefined}>
              <Icon name={icon} />
              <span>{title}</span>
            </a>
          ))}
        </nav>
        <Identity who={who} />
      </header>
      <div class="content">
        <StatusLine />
        <main id="main" tabIndex={-1}>
          <Banners />
          {children}
        </main>
      </div>
    </div>
  )
}

function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="7" />
      <path d="M6 9h20M6 23c3.3 0 3.3-3 6.6-3s3.3 3 6.7 3 3.3-3 6.7-3M11 9v7m5-7v7m5-7v7" />
    </svg>
  )
}

function Identity({ who }: { readonly who: WhoAmI }) {
  const chosen = useStore(theme)
  return (
    <div class="identity">
      <div class="who" title={who.scopes.join('\n')}>
        <span class="muted">Signed in as</span> <b>{who.name}</b>
      </div>
      <button type="button" class="button quiet" onClick={nextTheme} aria-label={`Colours: ${chosen}. Change`}>
        <Icon name="theme" />
        <span>{{ system: 'System', light: 'Light', dark: 'Dark' }[chosen]}</span>
      </button>
      {who.by === 'token' && (
        <button type="button" class="button quiet" onClick={() => signOut()} aria-label="Sign out">
          <Icon name="out" />
          <span>Sign out</span>
        </button>
      )}
    </div>
  )
}

const STORE: Readonly<Record<StoreState, { readonly tone: string; readonly text: string }>> = {
  up: { tone: 'good', text: 'Store up' },
  degraded: { tone: 'warn', text: 'Store degraded' },
  away: { tone: 'bad', text: 'Store away' },
}

/** One line that says whether all is well, in view on every page. */
function StatusLine() {
  const { state, samples, overview } = useStore(live)
  const last = samples.at(-1)
  const store = STORE[last?.store.state ?? overview?.store.state ?? 'up']
  const instances = last?.instances ?? overview?.instances.length
  return (
    <section class="status-line" aria-label="State of the service">
      <span class={`dot ${state === 'live' ? 'good' : state === 'lost' ? 'bad' : ''}`}>
        {{ live: 'Live', connecting: 'Connecting', lost: 'Not connected' }[state]}
      </span>
      {(last ?? overview) && <span class={`dot ${store.tone}`}>{store.text}</span>}
      {instances !== undefined && (
        <span class="not-phone">
          {count(instances)} {instances === 1 ? 'instance' : 'instances'}
        </span>
      )}
      {last && (
        <>
          <span>
            <b>{count(last.perSecond)}</b> decisions/s
          </span>
          <span>
            <b>{share(last.refusedShare)}</b> refused
          </span>
        </>
      )}
    </section>
  )
}

/** What an operator must see, whatever the page. */
function Banners() {
  const { state, samples, overview, problem } = useStore(live)
  const store = samples.at(-1)?.store.state ?? overview?.store.state
  const off = useStore(switches)
  return (
    <div role="status">
      {state === 'lost' && (
        <Notice tone="bad" title="The console lost the service.">
          {problem} It connects again by itself. What you see is from before.
        </Notice>
      )}
      {state !== 'lost' && store === 'away' && (
        <Notice tone="bad" title="The store is away.">
          Each policy decides by its <code>failMode</code>: by the share of this instance, open, or closed.
        </Notice>
      )}
      {off.length > 0 && (
        <Notice tone="warn" title={`Limits are off: ${off.map(({ namespace }) => namespace).join(', ')}`}>
          The <a href={to('kill-switch')}>kill switch</a> admits every request of {off.length === 1 ? 'this namespace' : 'these namespaces'}
          .
        </Notice>
      )}
    </div>
  )
}
