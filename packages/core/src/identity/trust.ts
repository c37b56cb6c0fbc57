import type { Code } from '../codes.ts'
import { invalid, SluiceError } from '../errors.ts'
import { type Cidr, inCidr, parseAddress, parseCidr } from './address.ts'

/** Which proxies are trusted: none (0 hops), a number of hops, or the addresses in a list of blocks. */
export type Trust = { readonly hops: number } | { readonly blocks: readonly Cidr[]; readonly permissive: readonly string[] }

/** Reports a likely mistake in the set-up. Throws if the option `strict` is true. */
export type ReportWarning = (code: Code, message: string) => void

const SETS: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  private: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
}
const MAX_HOPS = 32
const EXPECTED = "an address, a CIDR such as '10.0.0.0/8', 'loopback', 'linklocal' or 'private'"

/**
 * Parses the option `trustProxy`. It is a number of hops from 0 (no proxy) to 32, or a list of addresses, CIDRs and names. The names
 * `loopback`, `linklocal` and `private` are sets of addresses.
 * @throws ERR_OPTION_INVALID
 */
export function trustOf(trustProxy: number | readonly string[] = 0): Trust {
  if (Array.isArray(trustProxy) && trustProxy.length > 0) {
    const listed = (trustProxy as readonly string[]).map((text, i) => [text, cidrsOf(text, `trustProxy[${i}]`)] as const)
    const permissive = listed.filter(([, cidrs]) => cidrs.some(isPermissive)).map(([text]) => text)
    return { blocks: listed.flatMap(([, cidrs]) => cidrs), permissive }
  }
  const hops = trustProxy as number
  if (!Number.isInteger(hops) || hops < 0 || hops > MAX_HOPS) {
    throw invalid('trustProxy', `a number of hops from 0 to ${MAX_HOPS}, or an array of one or more of: ${EXPECTED}`, trustProxy)
  }
  return { hops }
}

/**
 * The name of the header that the trusted proxies write, in lower case.
 * @throws ERR_OPTION_INVALID; ERR_OPTION_CONFLICT without `trustProxy`, where the header would decide nothing
 */
export function headerOf(options: { readonly trustProxy?: unknown; readonly forwardedHeader?: string | undefined }): string {
  const { trustProxy, forwardedHeader } = options
  if (forwardedHeader === undefined) return 'x-forwarded-for'
  if (typeof forwardedHeader !== 'string' || !/^[\w-]+$/.test(forwardedHeader))
    throw invalid('forwardedHeader', "the name of a header, such as 'forwarded' or 'cf-connecting-ip'", forwardedHeader)
  if (trustProxy === undefined)
    throw new SluiceError(
      'ERR_OPTION_CONFLICT',
      'forwardedHeader: expected trustProxy beside it, got none; set trustProxy to the proxies that write the header',
    )
  return forwardedHeader.toLowerCase()
}

/** Whether the text is an address in one of the blocks. */
export function isTrusted(text: string | undefined, blocks: readonly Cidr[]): boolean {
  const bytes = text === undefined ? undefined : parseAddress(text)
  return bytes !== undefined && blocks.some((block) => inCidr(bytes, block))
}

/**
 * The blocks of an address, a CIDR or the name of a set.
 * @throws ERR_OPTION_INVALID
 */
export function cidrsOf(text: unknown, what: string): readonly Cidr[] {
  const members = typeof text === 'string' && Object.hasOwn(SETS, text) ? SETS[text] : undefined
  if (members !== undefined) return members.flatMap((member) => parseCidr(member) ?? [])
  const cidr = typeof text === 'string' ? parseCidr(text) : undefined
  if (cidr === undefined) throw invalid(what, EXPECTED, text)
  return [cidr]
}

/** Whether the block is larger than any that one organisation owns (10.0.0.0/8, fc00::/7), and so contains strangers. */
function isPermissive(cidr: Cidr): boolean {
  return cidr.bits < (cidr.address.length === 4 ? 8 : 7)
}
