import type { Cidr } from './address.ts'
import type { Canonicalizer } from './canonical.ts'
import { type ForwardedSyntax, forwarded, xForwardedFor } from './forwarded.ts'
import type { RequestFacts } from './request-facts.ts'
import { isTrusted, type ReportWarning, type Trust } from './trust.ts'

/** The address of requests whose header has no address, on a connection that has none either: all of them share one quota. */
export const NO_ADDRESS = '0.0.0.0'

/**
 * Makes the function that reads the client's address from the header of trusted proxies, or else from the connection. It reads no other
 * header: a proxy passes the others on as the client sent them.
 */
export function viaProxies<C>(
  facts: RequestFacts<C>,
  trust: Trust,
  header: string,
  canonical: Canonicalizer,
  report: ReportWarning,
): (context: C) => string | undefined {
  const blocks = 'blocks' in trust ? trust.blocks : undefined
  const walk = 'blocks' in trust ? blockWalk(trust.blocks, canonical) : hopWalk(trust.hops, canonical)
  const syntax = header === 'forwarded' ? forwarded : xForwardedFor
  const other = header === 'forwarded' ? 'x-forwarded-for' : 'forwarded'
  return (context) => {
    const connection = facts.address(context)
    const peer = connection === undefined ? undefined : canonical(connection)
    if (blocks !== undefined && !isTrusted(connection, blocks)) return peer
    const text = facts.header(context, header)
    if (text) return walk(text, syntax, peer) ?? NO_ADDRESS
    if (facts.header(context, other)) {
      report(
        'WARN_FORWARDED_OTHER',
        `a request has ${other}, but not ${header}, which trustProxy reads: if your proxy writes the former, set forwardedHeader: '${other}', or all its clients share one quota`,
      )
    }
    return peer
  }
}

type Walk = (text: string, syntax: ForwardedSyntax, peer: string | undefined) => string | undefined

/** Goes `hops` elements from the right. An element that is not an address counts as a hop, and leaves the address as it was. */
function hopWalk(hops: number, canonical: Canonicalizer): Walk {
  return (text, syntax, peer) => {
    let client = peer
    let end = text.length
    for (let hop = 0; hop < hops && end >= 0; hop++) {
      const start = syntax.start(text, end)
      client = canonical(syntax.claim(text.slice(start, end))) ?? client
      end = start - 1
    }
    return client
  }
}

/** Goes from the right to the first address that is not trusted. Stops before an element that is not an address. */
function blockWalk(blocks: readonly Cidr[], canonical: Canonicalizer): Walk {
  return (text, syntax, peer) => {
    let client = peer
    let end = text.length
    while (end >= 0) {
      const start = syntax.start(text, end)
      const claim = syntax.claim(text.slice(start, end))
      const address = canonical(claim)
      if (address === undefined) return client
      client = address
      if (!isTrusted(claim, blocks)) return client
      end = start - 1
    }
    return client
  }
}
