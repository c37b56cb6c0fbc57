import { detach } from '../detach.ts'
import { invalid } from '../errors.ts'
import { canonicalAddress, formatAddress, isPlainIPv4, parseAddress, plainIPv4 } from './address.ts'
import { translated } from './translated.ts'

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
  checkPrefix(ipv6Prefix)
  return remembering((text) => networkOf(text, ipv6Prefix))
}

/**
 * As `canonicalizer`, for texts that are not kept, such as those of a log: an IPv4 address is returned as it is. No address is remembered but
 * the last: the limits of one request ask for the same one.
 * @throws ERR_OPTION_INVALID unless `ipv6Prefix` is a whole number of bits from 32 to 64
 */
export function passingCanonicalizer(ipv6Prefix: number = DEFAULT_IPV6_PREFIX): Canonicalizer {
  checkPrefix(ipv6Prefix)
  let last: string | undefined
  let canonical: string | undefined
  return (text) => {
    // The text of a limit by address is canonical already.
    if (text === last || text === canonical) return canonical
    last = text
    return (canonical = isPlainIPv4(text) ? text : networkOf(text, ipv6Prefix))
  }
}

/** Makes a canonicalizer that keeps all bits: `2001:db8::1`. It is for logs and lists of addresses, not for subjects. */
export function wholeCanonicalizer(): Canonicalizer {
  return remembering((text) => {
    const bytes = parseAddress(text)
    return bytes && formatAddress(translated(bytes))
  })
}

/**
 * Returns the subject of the client with this address, in any notation: an IPv4 address, or the network of an IPv6 address. It is what
 * `ip()` gives, for limiters that are not mounted. Returns `undefined` for a text that is no address.
 * @param ipv6Prefix how many leading bits of an IPv6 address are one client: 32 to 64; default 56, as the option of `rateLimit`
 * @throws ERR_OPTION_INVALID for `ipv6Prefix`
 * @example
 * ```ts
 * import { addressSubject } from '@sluice/core'
 *
 * addressSubject('::ffff:192.0.2.1') // '192.0.2.1'
 * addressSubject('2001:db8:0:1ff::1') // '2001:db8:0:100::/56'
 * ```
 */
export function addressSubject(text: string, ipv6Prefix: number = DEFAULT_IPV6_PREFIX): string | undefined {
  checkPrefix(ipv6Prefix)
  return typeof text === 'string' ? networkOf(text, ipv6Prefix) : undefined
}

function networkOf(text: string, ipv6Prefix: number): string | undefined {
  const suffix = `/${ipv6Prefix}`
  const bytes = parseAddress(text.endsWith(suffix) && text.includes(':') ? text.slice(0, -suffix.length) : text)
  return bytes === undefined ? undefined : canonicalAddress(translated(bytes), ipv6Prefix)
}

function checkPrefix(ipv6Prefix: number): void {
  if (!Number.isInteger(ipv6Prefix) || ipv6Prefix < 32 || ipv6Prefix > 64)
    throw invalid('ipv6Prefix', 'a whole number of bits from 32 to 64', ipv6Prefix)
}

function remembering(canonicalOf: Canonicalizer): Canonicalizer {
  const known = new Map<string, string>()
  return (text) => {
    // A client can send an address with a zone of any length, which must not be remembered.
    const isShort = text.length <= MAX_LENGTH
    const cached = isShort ? known.get(text) : undefined
    if (cached !== undefined) return cached
    const plain = plainIPv4(text)
    const canonical = plain ?? canonicalOf(text)
    if (canonical !== undefined && isShort) {
      if (known.size >= MAX_REMEMBERED) known.clear()
      known.set(plain ?? detach(text), canonical)
    }
    return canonical
  }
}
