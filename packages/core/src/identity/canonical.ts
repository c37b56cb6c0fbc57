import { detach } from '../detach.ts'
import { invalid } from '../errors.ts'
import { canonicalAddress, parseAddress, plainIPv4 } from './address.ts'

/** The prefix that most providers assign to one customer. */
const DEFAULT_IPV6_PREFIX = 56

/** How many addresses are remembered: clients return, and a dual-stack socket writes every IPv4 address as ::ffff:a.b.c.d. */
const MAX_REMEMBERED = 1_000
const MAX_LENGTH = 64

/**
 * Writes an address in any notation as its canonical text: `1.2.3.4` or `2001:db8:0:100::/56`. Returns `undefined` for any other
 * text. A canonical text is returned as it is.
 */
export type Canonicalizer = (text: string) => string | undefined

/**
 * Makes a canonicalizer that keeps the first `ipv6Prefix` bits of an IPv6 address; default 56.
 * @throws ERR_OPTION_INVALID unless `ipv6Prefix` is a whole number of bits from 32 to 64
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
    // A client can send an address with a zone of any length, which must not be remembered.
    const isShort = text.length <= MAX_LENGTH
    const cached = isShort ? known.get(text) : undefined
    if (cached !== undefined) return cached
    const plain = plainIPv4(text)
    const canonical = plain ?? networkOf(text)
    if (canonical !== undefined && isShort) {
      if (known.size >= MAX_REMEMBERED) known.clear()
      known.set(plain ?? detach(text), canonical)
    }
    return canonical
  }
}
