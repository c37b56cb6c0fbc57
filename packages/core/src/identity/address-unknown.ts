import { SluiceError } from '../errors.ts'
import type { RequestFacts } from './request-facts.ts'

const GENERAL =
  'behind a proxy on a Unix socket, set trustProxy to the number of proxies; on a platform that sends the address in a header, use ip(read); otherwise limit by another key'

/** The error of a request that is limited by its address, and has none. It says what to do in the words of the adapter. */
export function addressUnknown<C>(facts: RequestFacts<C>, context: C): SluiceError {
  return new SluiceError('ERR_ADDRESS_UNKNOWN', `expected the client's address, got none; ${facts.addressHint?.(context) ?? GENERAL}`)
}

/** What to do where trusted proxies are set, and a request came without their header over a connection without an address. */
export function proxyHint(trustProxy: number | readonly string[] | undefined, header: string): string | undefined {
  if (trustProxy === undefined || trustProxy === 0) return undefined
  if (typeof trustProxy !== 'number')
    return 'trustProxy lists addresses, and the connection has none: set it to the number of proxies, or let the server pass on the address of the connection'
  return `the request has no ${header}, which trustProxy reads, so it came past the proxy: let the proxy send the header, or exempt such requests with skip`
}
