import type { RequestFacts } from './request-facts.ts'

/** The headers in which proxies name the client. */
export const FORWARDING: readonly string[] = ['x-forwarded-for', 'forwarded']

/** These headers, and the one that the proxies of an application write. */
export function forwardingHeaders(forwardedHeader: string | undefined): readonly string[] {
  const own = forwardedHeader?.toLowerCase()
  return own === undefined || FORWARDING.includes(own) ? FORWARDING : [...FORWARDING, own]
}

/**
 * Whether one of these headers says that a proxy forwarded the request. A platform that writes the address of the connection into such a
 * header is no proxy: there, a client that sends the header itself shows as two addresses, and as another one in `forwarded`.
 */
export function isForwarded<C>(facts: RequestFacts<C>, context: C, headers: readonly string[]): boolean {
  for (const name of headers) {
    const value = facts.header(context, name)
    if (value && value !== facts.platformAddress?.(context)) return true
  }
  return false
}
