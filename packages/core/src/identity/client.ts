import { SluiceError } from '../errors.ts'
import { isPlainIPv4 } from './address.ts'
import { type Canonicalizer, canonicalizer } from './canonical.ts'
import { viaProxies } from './proxies.ts'
import { type ReportWarning, trustOf } from './trust.ts'
import type { RequestFacts } from './request-facts.ts'

export interface ClientOptions<C> {
  /**
   * Whose word about the client counts. A number: how many proxies stand before this server, 0 to 32. A list: their
   * addresses, CIDRs, or `'loopback'`, `'linklocal'`, `'private'`. Without it, and with 0, that of nobody; 0 says so on
   * purpose, and silences the warning about forwarded headers.
   */
  readonly trustProxy?: number | readonly string[] | undefined
  /** Bits of an IPv6 address that are one client, 32 to 64; default 56. */
  readonly ipv6Prefix?: number | undefined
  /** The framework trusts proxies by a setting of its own, so that `facts.address` is what it made of the headers. */
  readonly hostTrusts?: boolean | ((context: C) => boolean) | undefined
}

// After this many requests the checks have seen enough, and cost nothing.
const WATCHED = 1_000

/**
 * Makes the function that says who the client is: its canonical address, `1.2.3.4` or `2001:db8:0:100::/56`, or
 * `undefined` when there is none (a Unix socket without `trustProxy`, a connection that is gone).
 *
 * Call it once per request: its checks count calls.
 * @throws ERR_OPTION_INVALID for `trustProxy` or `ipv6Prefix`
 */
export function clientAddress<C>(
  facts: RequestFacts<C>,
  options: ClientOptions<C>,
  report: ReportWarning,
): (context: C) => string | undefined {
  const trust = trustOf(options.trustProxy)
  const canonical = canonicalizer(options.ipv6Prefix)
  if ('blocks' in trust && trust.permissive.length > 0) {
    report(
      'WARN_TRUST_PERMISSIVE',
      `trustProxy: ${trust.permissive.join(', ')} trusts strangers, who can then claim any address; list your own proxies`,
    )
  }
  const trusting = 'blocks' in trust || trust.hops > 0
  const address = trusting ? viaProxies(facts, trust, canonical, report) : connectionAddress(facts, options, canonical)
  return watched(address, options.trustProxy === undefined ? facts : undefined, options, report)
}

/** @internal What to throw when a request's address is needed and there is none. */
export function addressUnknown(): SluiceError {
  return new SluiceError(
    'ERR_ADDRESS_UNKNOWN',
    "the client's address is not known: behind a Unix socket, set trustProxy to the number of proxies; where the platform gives the address in a header, use ip(read); else limit by another key",
  )
}

/** The address that the facts gives. A socket's own text is kept as it is; what a framework may have cut out of a header is not. */
function connectionAddress<C>(
  facts: RequestFacts<C>,
  options: ClientOptions<C>,
  canonical: Canonicalizer,
): (context: C) => string | undefined {
  const own = options.hostTrusts === undefined || options.hostTrusts === false
  return (context) => {
    const text = facts.address(context)
    return text === undefined || (own && isPlainIPv4(text)) ? text : canonical(text)
  }
}

/** Looks at the first requests for the two signs of a proxy that nobody told us about. */
function watched<C>(
  address: (context: C) => string | undefined,
  untrusting: RequestFacts<C> | undefined,
  options: ClientOptions<C>,
  report: ReportWarning,
): (context: C) => string | undefined {
  let seen = 0
  let first: string | undefined
  let single = true
  let facts = untrusting
  const trusts = (context: C) => (typeof options.hostTrusts === 'function' ? options.hostTrusts(context) : options.hostTrusts === true)
  const watch = (context: C, current: string | undefined) => {
    seen += 1
    if (seen === 1) first = current
    single &&= current !== undefined && current === first
    if (facts !== undefined && (facts.header(context, 'x-forwarded-for') || facts.header(context, 'forwarded')) && !trusts(context)) {
      report(
        'WARN_FORWARDED_UNTRUSTED',
        'a request has forwarded headers, but no proxy is trusted: behind a proxy, set trustProxy, or all of its clients share one quota; without one, set trustProxy: 0',
      )
      facts = undefined
    }
    if (seen === WATCHED && single) {
      report(
        'WARN_SINGLE_ADDRESS',
        `the first 1,000 requests all came from ${first}: if that is a proxy, set trustProxy, or all of its clients share one quota`,
      )
    }
  }
  return (context) => {
    const current = address(context)
    if (seen < WATCHED) watch(context, current)
    return current
  }
}
