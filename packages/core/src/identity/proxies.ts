import type { Cidr } from './address.ts'
import type { Canonicalizer } from './canonical.ts'
import { type ForwardedSyntax, forwarded, xForwardedFor } from './forwarded.ts'
import type { RequestFacts } from './request-facts.ts'
import { isTrusted, type ReportWarning, type Trust } from './trust.ts'

/** The address of requests whose headers conflict, on a connection without an address: all of them share one quota. */
const NO_ADDRESS = '0.0.0.0'

/** Makes the function that reads the client's address from the headers of trusted proxies, or else from the connection. */
export function viaProxies<C>(
  facts: RequestFacts<C>,
  trust: Trust,
  canonical: Canonicalizer,
  report: ReportWarning,
): (context: C) => string | undefined {
  const blocks = 'blocks' in trust ? trust.blocks : undefined
  const walk = 'blocks' in trust ? blockWalk(trust.blocks, canonical) : hopWalk(trust.hops, canonical)
  return (context) => {
    const connection = facts.address(context)
    const peer = connection === undefined ? undefined : canonical(connection)
    if (blocks !== undefined && !isTrusted(connection, blocks)) return peer
    const list = facts.header(context, 'x-forwarded-for') || undefined
    const other = facts.header(context, 'forwarded')
    const byList = list === undefined ? peer : walk(list, xForwardedFor, peer)
    // A proxy may send `Forwarded` for the protocol only, which says nothing about the client.
    if (!other?.toLowerCase().includes('for=')) return byList
    const byOther = walk(other, forwarded, peer)
    if (list === undefined || byList === byOther) return byOther
    // A proxy sets one of the headers and passes the other on unchanged, so one of the two is the client's own choice.
    report(
      'WARN_FORWARDED_CONFLICT',
      'X-Forwarded-For and Forwarded name different clients, so the address of the connection is used; have the proxy remove the header that it does not set',
    )
    return peer ?? NO_ADDRESS
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
