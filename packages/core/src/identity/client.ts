import { isPlainIPv4 } from './address.ts'
import { type Canonicalizer, canonicalizer, wholeCanonicalizer } from './canonical.ts'
import { FORWARDING, isForwarded } from './forwarding.ts'
import { NO_ADDRESS, viaProxies } from './proxies.ts'
import { headerOf, type ReportWarning, trustOf } from './trust.ts'
import type { RequestFacts } from './request-facts.ts'

export interface ClientOptions<C> {
  /**
   * Which proxies are trusted to name the client. A number: how many proxies are in front of this server, 0 to 32. A list: their
   * addresses, CIDRs, or `'loopback'`, `'linklocal'`, `'private'`. Default: none. An explicit 0 also silences the warning about
   * forwarded headers.
   */
  readonly trustProxy?: number | readonly string[] | undefined
  /** The header that the proxies write: `'forwarded'` (RFC 7239), or one with a list of addresses. Default: `'x-forwarded-for'`. */
  readonly forwardedHeader?: string | undefined
  /** How many leading bits of an IPv6 address identify one client: 32 to 64; default 56. */
  readonly ipv6Prefix?: number | undefined
  /** Whether the framework itself is set to trust proxies, so that `facts.address` already comes from the headers. */
  readonly hostTrusts?: boolean | ((context: C) => boolean) | undefined
  /** Reads the address of the connection, which replaces text in a header that is no address. Default: nothing replaces it. */
  readonly connection?: ((context: C) => string | undefined) | undefined
}

/** How many requests are checked for signs of a proxy. Later requests skip the checks. */
export const MAX_CHECKED = 1_000

/**
 * Makes the function that returns the client's canonical address, `1.2.3.4` or `2001:db8:0:100::/56`. It returns `undefined` when
 * there is none: a Unix socket without `trustProxy`, or a closed connection. Call it once per request, since it counts calls.
 * @throws ERR_OPTION_INVALID for `trustProxy`, `forwardedHeader` or `ipv6Prefix`; ERR_OPTION_CONFLICT for `forwardedHeader` alone
 */
export function clientAddress<C>(
  facts: RequestFacts<C>,
  options: ClientOptions<C>,
  report: ReportWarning,
): (context: C) => string | undefined {
  const trust = trustOf(options.trustProxy)
  if ('blocks' in trust && trust.permissive.length > 0) {
    report(
      'WARN_TRUST_PERMISSIVE',
      `trustProxy: ${trust.permissive.join(', ')} contains addresses of strangers, who can then claim any address; list only your own proxies`,
    )
  }
  const address = addressReader(facts, options, canonicalizer(options.ipv6Prefix), report)
  return checkingForProxy(address, options.trustProxy === undefined ? facts : undefined, options, report)
}

/** As `clientAddress`, with all bits of an IPv6 address. May be called any number of times for a request. */
export function wholeAddress<C>(
  facts: RequestFacts<C>,
  options: ClientOptions<C>,
  report: ReportWarning,
): (context: C) => string | undefined {
  return addressReader(facts, options, wholeCanonicalizer(), report)
}

function addressReader<C>(
  facts: RequestFacts<C>,
  options: ClientOptions<C>,
  canonical: Canonicalizer,
  report: ReportWarning,
): (context: C) => string | undefined {
  const trust = trustOf(options.trustProxy)
  const header = headerOf(options)
  const trusting = 'blocks' in trust || trust.hops > 0
  return trusting ? viaProxies(facts, trust, header, canonical, report) : frameworkAddress(facts, options, canonical)
}

/** Reads the address that the framework gives. An IPv4 address of the socket is returned as it is; text from a header is copied. */
function frameworkAddress<C>(
  facts: RequestFacts<C>,
  options: ClientOptions<C>,
  canonical: Canonicalizer,
): (context: C) => string | undefined {
  const { hostTrusts, connection } = options
  const isOfSocket = hostTrusts === undefined || hostTrusts === false
  // A client may write anything into the header that the framework trusts. Such a request must be counted, and must not fail.
  const standIn = (context: C): string | undefined => {
    const socket = connection?.(context)
    return (socket === undefined ? undefined : canonical(socket)) ?? (isTrusting(hostTrusts, context) ? NO_ADDRESS : undefined)
  }
  return (context) => {
    const text = facts.address(context)
    return text === undefined || (isOfSocket && isPlainIPv4(text)) ? text : (canonical(text) ?? standIn(context))
  }
}

function isTrusting<C>(hostTrusts: ClientOptions<C>['hostTrusts'], context: C): boolean {
  return typeof hostTrusts === 'function' ? hostTrusts(context) : hostTrusts === true
}

/** Checks the first requests for two signs of a proxy that is not configured: forwarded headers, and one address for all requests. */
function checkingForProxy<C>(
  address: (context: C) => string | undefined,
  headerFacts: RequestFacts<C> | undefined,
  options: ClientOptions<C>,
  report: ReportWarning,
): (context: C) => string | undefined {
  let seen = 0
  let first: string | undefined
  let single = true
  // Absent where forwarded headers are no mistake, and after the first warning.
  let facts = headerFacts
  const check = (context: C, current: string | undefined) => {
    seen += 1
    if (seen === 1) first = current
    single &&= current !== undefined && current === first
    if (facts !== undefined && isForwarded(facts, context, FORWARDING) && !isTrusting(options.hostTrusts, context)) {
      report(
        'WARN_FORWARDED_UNTRUSTED',
        'a request has forwarded headers, but no proxy is trusted: behind a proxy, set trustProxy, or all its clients share one quota; without a proxy, set trustProxy: 0',
      )
      facts = undefined
    }
    if (seen === MAX_CHECKED && single) {
      report(
        'WARN_SINGLE_ADDRESS',
        `the first 1,000 requests all came from ${first}: if that is a proxy, set trustProxy, or all its clients share one quota`,
      )
    }
  }
  return (context) => {
    const current = address(context)
    if (seen < MAX_CHECKED) check(context, current)
    return current
  }
}
