import { detach } from '../detach.ts'
import { invalid } from '../errors.ts'
import { bitsOfIPv4, inCidr, parseAddress } from './address.ts'
import { ipv4Ranges } from './ranges.ts'
import { translated } from './translated.ts'
import { cidrsOf } from './trust.ts'

/** A list of addresses, made by `matchesAddress()`. As `skip` of `rateLimit` it is asked for the client's address. */
export interface AddressMatcher {
  /** Whether the address is in the list, in any notation. False for `undefined`, and for a text that is no address. */
  matches(address: string | undefined): boolean
}

/** How many addresses are remembered: clients return. */
const MAX_REMEMBERED = 1_000
const MAX_LENGTH = 64

/**
 * Makes a list of addresses, such as those that are not limited. `skip: matchesAddress([…])` compares the address by which the limiter
 * limits, so it obeys `trustProxy`. In a function of yours, pass `limiter.clientAddress(request)` to `matches`.
 * @param list addresses, CIDRs such as `'10.0.0.0/8'`, or `'loopback'`, `'linklocal'`, `'private'`, as for `trustProxy`
 * @throws ERR_OPTION_INVALID
 * @example
 * ```ts
 * import { matchesAddress, rateLimit } from '@sluice/express'
 *
 * const monitoring = matchesAddress(['192.0.2.0/24', '2001:db8::/32'])
 * const limited = rateLimit({ limit: 100, window: '1m', skip: monitoring })
 * ```
 */
export function matchesAddress(list: readonly string[]): AddressMatcher {
  if (!Array.isArray(list) || list.length === 0) throw invalid('matchesAddress', 'an array of one or more addresses or CIDRs', list)
  const blocks = list.flatMap((text, i) => cidrsOf(text, `matchesAddress[${i}]`))
  const isListedIPv4 = ipv4Ranges(blocks)
  const known = new Map<string, boolean>()
  const isListed = (text: string): boolean => {
    const bytes = parseAddress(text)
    if (bytes === undefined) return false
    const address = translated(bytes)
    return blocks.some((block) => inCidr(address, block))
  }
  return Object.freeze({
    matches(address: string | undefined): boolean {
      if (typeof address !== 'string') return false
      // Nearly every client has one. Of more clients than are remembered, each would be parsed and stored anew.
      const bits = bitsOfIPv4(address)
      if (bits >= 0) return isListedIPv4(bits)
      const remembered = known.get(address)
      if (remembered !== undefined) return remembered
      const listed = isListed(address)
      if (address.length <= MAX_LENGTH) {
        if (known.size >= MAX_REMEMBERED) known.clear()
        known.set(detach(address), listed)
      }
      return listed
    },
  })
}
