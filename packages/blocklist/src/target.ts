import { type BlockTarget, type Cidr, formatAddress, invalid, parseAddress, parseCidr, translated } from '@sluice/core/store-kit'

/**
 * Whom a call means. A text that is an address or a CIDR is one; any other text is a subject. The objects say which is meant: a user may be
 * named `203.0.113.7`.
 */
export type Target = string | { readonly address: string } | { readonly subject: string }

/** A longer text is no subject of the list: it would fill the memory of every process. */
export const MAX_SUBJECT = 256

/** A block of a shorter prefix is surely a mistake: it is larger than what any one network has. */
const SHORTEST = { 4: 8, 16: 16 } as const

/**
 * The target that is meant, in canonical notation.
 * @throws ERR_OPTION_INVALID
 */
export function targetOf(what: string, target: Target): BlockTarget {
  if (typeof target === 'string') {
    const cidr = blockOf(target)
    return cidr === undefined ? subjectTarget(what, target) : addressTarget(what, cidr)
  }
  const given = (target ?? {}) as { readonly address?: unknown; readonly subject?: unknown }
  if (typeof given.subject === 'string' && given.address === undefined) return subjectTarget(what, given.subject)
  const cidr = typeof given.address === 'string' && given.subject === undefined ? blockOf(given.address) : undefined
  if (cidr === undefined) throw invalid(what, "a text, { address: '203.0.113.0/24' } or { subject: 'user:42' }", given.address ?? target)
  return addressTarget(what, cidr)
}

/** The name of an address in a list: with its prefix. `undefined` for a text that is no address. */
export function networkName(address: string): string | undefined {
  const cidr = blockOf(address)
  return cidr && nameOf(cidr)
}

/** As a whole text, for a set of targets of both kinds. */
export function idOf({ kind, name }: BlockTarget): string {
  return `${kind === 'address' ? 'a' : 's'}:${name}`
}

function blockOf(text: string): Cidr | undefined {
  const cidr = parseCidr(text)
  if (cidr !== undefined) return cidr
  // In other notations, such as with a port.
  const bytes = parseAddress(text)
  if (bytes === undefined) return undefined
  const address = translated(bytes)
  return { address, bits: address.length * 8 }
}

function subjectTarget(what: string, subject: string): BlockTarget {
  if (subject === '' || subject.length > MAX_SUBJECT) throw invalid(what, `a subject of 1 to ${MAX_SUBJECT} characters`, subject)
  return { kind: 'subject', name: subject }
}

function addressTarget(what: string, cidr: Cidr): BlockTarget {
  const shortest = SHORTEST[cidr.address.length as 4 | 16]
  if (cidr.bits < shortest) throw invalid(what, `a CIDR of at least ${shortest} bits, such as '203.0.113.0/24'`, nameOf(cidr))
  return { kind: 'address', name: nameOf(cidr) }
}

function nameOf({ address, bits }: Cidr): string {
  return `${formatAddress(address)}/${bits}`
}
