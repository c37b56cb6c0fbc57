import { invalid } from '../errors.ts'
import { canonicalAddress, parseAddress, plainIPv4 } from './address.ts'

/** What most providers give one customer. */
const DEFAULT_IPV6_PREFIX = 56

// Real clients come back, and a dual-stack socket writes every IPv4 address as ::ffff:a.b.c.d.
const REMEMBERED = 1_000
const LONGEST = 64

/** From an address in any notation to its one text, `1.2.3.4` or `2001:db8:0:100::/56`; `undefined` for what is no address. It takes its own results too. */
export type Canonicalizer = (text: string) => string | undefined

/**
 * Makes the function that writes addresses in one way, and IPv6 by its first `ipv6Prefix` bits, default 56.
 * @throws ERR_OPTION_INVALID unless `ipv6Prefix` is whole, 32 to 64 bits
 */
export function canonicalizer(ipv6Prefix: number = DEFAULT_IPV6_PREFIX): Canonicalizer {
  if (!Number.isInteger(ipv6Prefix) || ipv6Prefix < 32 || ipv6Prefix > 64)
    throw invalid('ipv6Prefix', 'a whole number of bits from 32 to 64', ipv6Prefix)
  const suffix = `/${ipv6Prefix}`
  const known = new Map<string, string>()
  const networkOf = (text: string): string | undefined => {
    const bytes = parseAddress(text.endsWith(suffix) && text.includes(':') ? text.slice(0, -suffix.length) : text)
    return bytes === undefined ? undefined : canonicalAddress(bytes, ipv6Prefix)
  }
  return (text) => {
    // A zone can be of any length, and is the client's to choose.
    const short = text.length <= LONGEST
    const cached = short ? known.get(text) : undefined
    if (cached !== undefined) return cached
    const plain = plainIPv4(text)
    const canonical = plain ?? networkOf(text)
    if (canonical !== undefined && short) {
      if (known.size >= REMEMBERED) known.clear()
      known.set(plain ?? detached(text), canonical)
    }
    return canonical
  }
}

/** A copy of the text. What is cut out of a header may keep all of that header (16 kB) in memory for as long as it is a key. */
export function detached(text: string): string {
  return JSON.parse(JSON.stringify(text)) as string
}
