import { Store } from './store.ts'
import type { WhoAmI } from './types.ts'

/** Whether somebody is signed in, and who. */
export type Session =
  | { readonly state: 'starting' }
  /** The service has no token configured. */
  | { readonly state: 'off' }
  | { readonly state: 'signed-out'; readonly message?: string }
  | { readonly state: 'unreachable'; readonly message: string }
  | { readonly state: 'signed-in'; readonly who: WhoAmI }

/** What a token may do in a namespace. */
export type Action = 'read' | 'policies' | 'subjects' | 'blocks' | 'admin'

const WRITES: readonly Action[] = ['policies', 'subjects', 'blocks']
const KEY = 'sluice.token'

export const session: Store<Session> = new Store<Session>({ state: 'starting' })

/** The tab forgets the token when it closes. Another tab asks for it again. */
export function storedToken(): string | undefined {
  return sessionStorage.getItem(KEY) ?? undefined
}

export function keepToken(token: string): void {
  sessionStorage.setItem(KEY, token)
}

export function signOut(message?: string): void {
  sessionStorage.removeItem(KEY)
  session.set(message === undefined ? { state: 'signed-out' } : { state: 'signed-out', message })
}

/** Takes the token of `#token=…` out of the address, so that no bookmark and no screenshot has it. */
export function takeTokenFromAddress(): void {
  const match = /^#token=([^&]+)/.exec(location.hash)
  if (match === null) return
  keepToken(decodeURIComponent(match[1]!))
  history.replaceState(null, '', `${location.pathname}#/`)
}

/** Whether the scopes include the action in the namespace. Without a namespace: in any. */
function may({ scopes }: WhoAmI, action: Action, namespace?: string): boolean {
  return scopes.some((scope) => {
    const [granted, where] = splitScope(scope)
    const isHere = where === '*' || namespace === undefined || where === namespace
    return isHere && (granted === action || granted === 'admin' || (granted === 'write' && WRITES.includes(action)))
  })
}

/** Why a control is disabled; `undefined` if it may be used. */
export function whyNot(who: WhoAmI, action: Action, namespace?: string): string | undefined {
  if (may(who, action, namespace)) return undefined
  return `Your token lacks the scope ${action}:${namespace ?? '*'}.`
}

function splitScope(scope: string): readonly [string, string] {
  const at = scope.indexOf(':')
  return at === -1 ? [scope, '*'] : [scope.slice(0, at), scope.slice(at + 1)]
}
