import { isSluiceError, matchesAddress } from '@sluice/core'
import type { Match } from '../document.ts'
import type { Path } from '../problems.ts'
import type { Report } from './common.ts'

/** Checks the notation of paths, hosts, headers and addresses. */
export function checkMatch({ paths = [], hosts = [], headers = {}, addresses = [] }: Match, path: Path, report: Report): void {
  for (const [i, text] of paths.entries()) {
    const reason = wrongPath(text)
    if (reason !== undefined) report([...path, 'paths', i], reason)
  }
  for (const [i, host] of hosts.entries()) {
    if (!/^(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$|^\[[0-9A-Fa-f:.]+\]$/.test(host))
      report([...path, 'hosts', i], `expected a host name without port, such as api.example.org or *.example.org, got "${host}"`)
  }
  const names = Object.keys(headers).map((name) => name.toLowerCase())
  if (new Set(names).size < names.length) report([...path, 'headers'], 'expected each header once, ignoring case')
  for (const [i, address] of addresses.entries()) {
    try {
      matchesAddress([address])
    } catch (error) {
      if (!isSluiceError(error)) throw error
      report([...path, 'addresses', i], `expected an address or a CIDR such as 10.0.0.0/8, got "${address}"`)
    }
  }
}

/** Why a path can never match as it is written. */
function wrongPath(path: string): string | undefined {
  const segments = path.slice(1).split('/')
  if (path.includes('%') || path.includes('\\')) return 'expected a decoded path, without % and backslash'
  if (segments.some((segment) => segment === '.' || segment === '..')) return 'expected a path without . and .. as segments'
  if (segments.slice(0, -1).includes('')) return 'expected a path without empty segments'
  const odd = segments.find(
    (segment) => (segment.includes('*') && segment !== '*') || (segment.startsWith(':') && !/^:\w{1,64}$/.test(segment)),
  )
  if (odd !== undefined) return `expected * or :name as a whole segment, got "${odd}"`
  return undefined
}
