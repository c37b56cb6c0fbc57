import { proxyHint } from '../identity/address-unknown.ts'
import { wholeCanonicalizer } from '../identity/canonical.ts'
import { clientAddress, wholeAddress } from '../identity/client.ts'
import type { ReportWarning } from '../identity/trust.ts'
import type { ObserverHub } from '../observers.ts'
import type { Host } from './host.ts'
import type { RateLimitOptions } from './options.ts'
import { readingBody } from './unparsed-body.ts'

/** How a pipeline finds out who its client is. */
export interface ClientReading<C> {
  /** The host whose `address` is the client's. */
  readonly clientHost: Host<C>
  /** The client's address with all its bits. */
  readonly wholeAddress: (context: C) => string | undefined
  /** The address of the connection: that of the last proxy, where there is one. */
  readonly connectionAddress: (context: C) => string | undefined
}

/** @throws ERR_OPTION_INVALID for `trustProxy`, `forwardedHeader` or `ipv6Prefix`; ERR_OPTION_CONFLICT for `forwardedHeader` alone */
export function clientReading<C, R>(
  host: Host<C>,
  { ipv6Prefix, trustProxy, forwardedHeader }: RateLimitOptions<C, R>,
  observers: ObserverHub,
): ClientReading<C> {
  // With `strict`, a mistake of the application throws. A warning that a client can provoke never throws.
  const report: ReportWarning = (code, message) =>
    code === 'WARN_FORWARDED_OTHER' ? observers.warn(code, message) : observers.warnOrThrow(code, message)
  const hostTrusts = (context: C): boolean => {
    const trust = host.trust?.(context) ?? 'none'
    if (trust === 'anyone')
      report(
        'WARN_TRUST_PERMISSIVE',
        'the framework is set to trust every proxy, so any client can claim any address; list your own proxies',
      )
    return trust !== 'none'
  }
  const socketAddress = (context: C) => (host.socketAddress === undefined ? host.address(context) : host.socketAddress(context))
  // With `trustProxy`, core reads the forwarded headers from the connection on: `address` may be read from those headers already.
  const connected = trustProxy === undefined ? host : { ...host, address: socketAddress }
  const trusting = host.trust === undefined ? undefined : hostTrusts
  const settings = { trustProxy, forwardedHeader, ipv6Prefix, hostTrusts: trusting, connection: host.socketAddress && socketAddress }
  const addressHint = (context: C) =>
    proxyHint(trustProxy, forwardedHeader?.toLowerCase() ?? 'x-forwarded-for') ?? host.addressHint?.(context)
  const body = readingBody(host, observers)
  const whole = wholeCanonicalizer()
  let isWarned = false
  const route = (context: C): string | undefined => {
    const pattern = host.route?.(context)
    if (pattern === undefined && !isWarned) {
      isWarned = true
      observers.warn(
        'WARN_ROUTE_UNKNOWN',
        'route(): the framework has not matched a route when this limiter runs, so all paths share one quota; put the limiter on the routes, or use a function as key',
      )
    }
    return pattern
  }
  return {
    clientHost: { ...host, address: clientAddress(connected, settings, report), addressHint, route, ...(body && { body }) },
    wholeAddress: wholeAddress(connected, settings, report),
    connectionAddress(context) {
      const address = socketAddress(context)
      return address && whole(address)
    },
  }
}
