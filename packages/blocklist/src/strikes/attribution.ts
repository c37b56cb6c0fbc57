import type { BlockFacts, Decision } from '@sluice/core'
import { type Canonicalizer, bitsOfIPv4 } from '@sluice/core/store-kit'
import { markedAddress } from '../local-set.ts'
import { MAX_SUBJECT } from '../target.ts'

/** What is read of a request beside its decision. */
export type ReadFacts = Pick<BlockFacts, 'route' | 'method' | 'latency' | 'address' | 'authenticated' | 'identity' | 'endpoint'>

/** Stands for requests whose address is unknown: to block it would block all of them. */
const NO_ADDRESS = '0.0.0.0'

/**
 * Who sent a request: the subject for which the application vouches, else the address. A header or a field that a client can write freely names
 * nobody, or a stranger who sends it would have its owner blocked.
 */
export function identityOf({ charges }: Decision, facts: ReadFacts, network: string | undefined): string | undefined {
  if (!facts.authenticated) return undefined
  if (facts.identity !== undefined) return facts.identity
  let only: string | undefined
  for (let i = 0; i < charges.length; i++) {
    const subject = charges[i]?.subject as string
    if (subject === network || subject === only || markedAddress(subject) !== undefined) continue
    // Which of two is the client cannot be known.
    if (only !== undefined) return undefined
    only = subject
  }
  return only
}

/** The network of the client, as a limiter writes it. */
export function networkOf(address: string | undefined, canonical: Canonicalizer): string | undefined {
  if (address === undefined || address === NO_ADDRESS) return undefined
  return bitsOfIPv4(address) < 0 ? canonical(address) : address
}

/** Whether a subject can be an entry of the list. */
export function isListable(subject: string): boolean {
  return subject !== '' && subject.length <= MAX_SUBJECT
}
