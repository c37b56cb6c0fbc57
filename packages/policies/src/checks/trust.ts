import type { Match, Values } from '../document.ts'
import { isDigest } from '../digest.ts'
import type { Path } from '../problems.ts'
import type { Report } from './common.ts'

/**
 * A client can send any header and any host name. A match that exempts by one of them would let every client go free, unless it also
 * needs something that a client cannot choose.
 */
export function checkExempt(match: Match, path: Path, report: Report): void {
  const { attributes, addresses, tiers, headers, hosts } = match
  if (Object.keys(match).length === 0) report(path, 'expected at least one condition; it exempts every request')
  const isTrusted =
    attributes !== undefined || addresses !== undefined || tiers !== undefined || Object.values(headers ?? {}).some(areHashed)
  if (isTrusted) return
  const what = headers !== undefined ? 'headers' : 'hosts'
  if (headers !== undefined || hosts !== undefined) {
    report(
      [...path, what],
      `expected also an attribute, an address or a value as sha256:<hex>, since a client can send any ${what === 'headers' ? 'header' : 'host name'}`,
    )
  }
}

function areHashed(values: Values): boolean {
  return Array.isArray(values) ? values.every(isDigest) : isDigest(values)
}
