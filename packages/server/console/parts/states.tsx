import type { ComponentChildren } from 'preact'
import type { Problem } from '../lib/api.ts'
import type { Loaded } from '../lib/use-load.ts'
import { Icon, type IconName } from './icon.tsx'

type Tone = 'info' | 'good' | 'warn' | 'bad'
const ICONS: Readonly<Record<Tone, IconName>> = { info: 'info', good: 'check', warn: 'warn', bad: 'warn' }

/** A message that stays on the page. */
export function Notice({
  tone = 'info',
  title,
  children,
  role,
}: {
  readonly tone?: Tone
  readonly title?: string | undefined
  readonly children?: ComponentChildren
  readonly role?: 'status' | 'alert'
}) {
  return (
    <div class={`notice ${tone}`} role={role}>
      <Icon name={ICONS[tone]} />
      <div>
        {title !== undefined && <strong>{title}</strong>}
        {children !== undefined && <div>{children}</div>}
      </div>
    </div>
  )
}

/** What a list says that has nothing to show, and what would fill it. */
export function Empty({ title, children }: { readonly title: string; readonly children?: ComponentChildren }) {
  return (
    <div class="empty">
      <strong>{title}</strong>
      {children !== undefined && <p>{children}</p>}
    </div>
  )
}

export function Loading({ what }: { readonly what: string }) {
  return (
    <div class="loading" role="status">
      <span class="spinner" aria-hidden="true" />
      Loading {what}…
    </div>
  )
}

export function Failed({ problem, retry }: { readonly problem: Problem; readonly retry?: (() => void) | undefined }) {
  return (
    <Notice tone="bad" title={problem.status === 403 ? 'Not allowed' : 'This could not be loaded'} role="alert">
      <p>{problem.message}</p>
      {problem.code !== undefined && <p class="muted mono">{problem.code}</p>}
      {retry !== undefined && problem.status !== 403 && (
        <button type="button" class="button" onClick={retry}>
          Try again
        </button>
      )}
    </Notice>
  )
}

/** Draws what was loaded. Old data stays in view while new data is on its way, and after a failure. */
export function Shown<T>({
  loaded,
  what,
  children,
}: {
  readonly loaded: Loaded<T>
  readonly what: string
  readonly children: (data: T) => ComponentChildren
}) {
  const { data, problem, isLoading, reload } = loaded
  return (
    <>
      {problem !== undefined && <Failed problem={problem} retry={reload} />}
      {data === undefined ? isLoading && <Loading what={what} /> : children(data)}
    </>
  )
}
