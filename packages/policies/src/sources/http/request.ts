import type { Deadline } from './deadline.ts'
import { discard, type FetchedResponse, reasonOf } from './fetch.ts'
import type { HttpSettings } from './options.ts'

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
const MAX_REDIRECTS = 5

/**
 * Sends a GET, and follows redirections within the origin. One to another origin would take the headers there, and let that origin decide
 * what the limits are.
 */
export async function get(
  { url, headers, fetch }: HttpSettings,
  added: Readonly<Record<string, string>>,
  deadline: Deadline,
): Promise<FetchedResponse> {
  let target = url
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    const init = {
      method: 'GET',
      headers: { ...ASKED, ...(await headers()), ...added },
      redirect: 'manual',
      signal: deadline.signal,
    } as const
    const response = await fetch(target.href, init).catch((error: unknown) => {
      throw new Error(reasonOf(error), { cause: error })
    })
    if (!REDIRECTS.has(response.status)) return response
    await discard(response)
    const location = response.headers.get('location') ?? ''
    if (!URL.canParse(location, target.href)) throw new Error(`the server answered ${response.status} without a valid location`)
    target = new URL(location, target)
    if (target.origin !== url.origin)
      throw new Error(`the server redirects to another origin, ${target.origin}, which is not followed; use the address there instead`)
  }
  throw new Error(`the server redirects more than ${MAX_REDIRECTS} times`)
}

const ASKED = {
  // A cache on the way must ask the server whether what it has is current.
  'cache-control': 'no-cache',
  // fetch gives half of a compressed body that is cut for the whole of it.
  'accept-encoding': 'identity',
} as const

/**
 * Whether the end of a body is known: by its length, or by its last chunk. One that ends with the connection may be cut anywhere, and so may
 * a compressed one.
 */
export function hasKnownEnd({ headers }: FetchedResponse): boolean {
  const encoding = headers.get('content-encoding') ?? 'identity'
  return encoding === 'identity' && (headers.get('content-length') !== null || headers.get('transfer-encoding') !== null)
}

/** Whether the server sends events. */
export function isStream({ status, headers }: FetchedResponse): boolean {
  return status === 200 && (headers.get('content-type') ?? '').startsWith('text/event-stream')
}
