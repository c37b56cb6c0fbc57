import { session, signOut, storedToken } from './session.ts'
import type { DocumentProblem, WhoAmI } from './types.ts'

/** An answer that is no success, as the service or the network gave it. */
export class Problem extends Error {
  /** 0: no answer. */
  readonly status: number
  readonly code: string | undefined
  /** What else the answer has, such as the problems of a document or the current revision. */
  readonly body: Readonly<Record<string, unknown>>

  constructor(status: number, message: string, code?: string, body: Readonly<Record<string, unknown>> = {}) {
    super(message)
    this.status = status
    this.code = code
    this.body = body
  }

  get problems(): readonly DocumentProblem[] {
    return (this.body['problems'] as readonly DocumentProblem[] | undefined) ?? []
  }
}

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'
interface Sent {
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly body?: unknown
  readonly signal?: AbortSignal
}

const BASE = 'admin/v1/'
const NO_ANSWER = 'The service does not answer. Is it running, and can this browser reach it?'

/** Asks the admin endpoints. `path` is relative to `/admin/v1/`. */
export async function ask<T>(method: Method, path: string, sent: Sent = {}): Promise<T> {
  const response = await send(method, path, sent)
  const text = await response.text()
  return (text === '' ? undefined : isJson(response) ? JSON.parse(text) : text) as T
}

export const get = <T>(path: string, query: Sent['query'] = {}, signal?: AbortSignal): Promise<T> =>
  ask<T>('GET', path, signal === undefined ? { query } : { query, signal })

/** The response of a request that was answered with a success. @throws Problem */
export async function send(method: Method, path: string, { query, body, signal }: Sent = {}): Promise<Response> {
  const token = storedToken()
  const headers: Record<string, string> = { accept: 'application/json' }
  if (token !== undefined) headers['authorization'] = `Bearer ${token}`
  if (body !== undefined) headers['content-type'] = 'application/json'
  const init: RequestInit = { method, headers, credentials: 'omit', cache: 'no-store' }
  if (body !== undefined) init.body = JSON.stringify(body)
  if (signal !== undefined) init.signal = signal
  const response = await fetch(addressOf(path, query), init).catch((error: unknown) => {
    throw signal?.aborted === true ? error : new Problem(0, NO_ANSWER)
  })
  if (response.ok) return response
  throw await problemOf(response)
}

function addressOf(path: string, query: Sent['query'] = {}): string {
  const url = new URL(BASE + path, document.baseURI)
  for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== '') url.searchParams.set(name, String(value))
  return url.href
}

async function problemOf(response: Response): Promise<Problem> {
  const body = (await response.json().catch(() => ({}))) as Readonly<Record<string, unknown>>
  const { detail, title } = body as { readonly detail?: string; readonly title?: string }
  if (response.status === 401 && session.value.state === 'signed-in') signOut('The service no longer accepts your token.')
  return new Problem(
    response.status,
    detail ?? title ?? `The service answered ${response.status}.`,
    body['code'] as string | undefined,
    body,
  )
}

function isJson(response: Response): boolean {
  return /\bjson\b/.test(response.headers.get('content-type') ?? '')
}

/** Finds out who is signed in with the token of this tab. */
export async function startSession(): Promise<void> {
  try {
    session.set({ state: 'signed-in', who: await get<WhoAmI>('whoami') })
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    if (error.status === 404) session.set({ state: 'off' })
    else if (error.status === 401) signOut(storedToken() === undefined ? undefined : 'The service does not know this token.')
    else session.set({ state: 'unreachable', message: error.message })
  }
}
