import type { Cidr } from './address.ts'
import type { Canonicalizer } from './canonical.ts'
import { type ForwardedSyntax, forwarded, xForwardedFor } from './forwarded.ts'
import { isTrusted, type ReportWarning, type Trust } from './trust.ts'
import type { RequestFacts } from './request-facts.ts'

// For a connection that has none, where one is needed that all who misbehave can share; nobody's own, and parsed like any other.
const NO_ADDRESS = '0.0.0.0'

/** Makes the function that believes trusted proxies about the client, as far as they can know, and else the connection. */
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
    // A proxy may write Forwarded for the protocol alone; then it says nothing about the client.
    if (!other?.toLowerCase().includes('for=')) return byList
    const byOther = walk(other, forwarded, peer)
    if (list === undefined || byList === byOther) return byOther
    // A proxy sets one of them and hands the other on as the client sent it: to believe either is to let a client choose.
    report(
      'WARN_FORWARDED_CONFLICT',
      'X-Forwarded-For and Forwarded disagree about the client, so the address of the connection is used; have the proxy remove the one that it does not set',
    )
    return peer ?? NO_ADDRESS
  }
}

type Walk = (text: string, syntax: ForwardedSyntax, peer: string | undefined) => string | undefined

/** The connection is the first hop. An element that is no address is a hop too; behind the last hop nothing is believed. */
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

/** From a trusted connection to the first address that is not trusted, the leftmost if all are, or the last before what is no address. */
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
