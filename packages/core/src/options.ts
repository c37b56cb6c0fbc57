import { SluiceError } from './errors.ts'

// What other limiters call the same thing. A silent alias would hide that the meaning differs a little; a silent
// ignore would run with no limit at all.
const PEERS: Readonly<Record<string, string>> = {
  allowList: 'skip',
  blockDuration: 'a longer window',
  db: 'store',
  driver: 'store',
  duration: 'window',
  errorMessage: 'message',
  expire: 'window',
  headers: 'standard and legacy',
  id: 'key',
  identifier: 'key',
  interval: 'window',
  keyGenerator: 'key',
  keyPrefix: 'name',
  legacyHeaders: 'legacy',
  max: 'limit',
  numberOfRequests: 'limit',
  points: 'limit',
  prefix: 'name',
  requestPropertyName: 'limiter, whose decision is on the request',
  requestWasSuccessful: 'refundWhen',
  skipFailedRequests: 'refundWhen',
  skipIf: 'skip',
  skipSuccessfulRequests: 'refundWhen',
  standardHeaders: 'standard',
  statusText: 'message',
  throttlers: 'limits',
  timeWindow: 'window',
  tokens: 'limit',
  tokensPerInterval: 'limit',
  ttl: 'window',
  validate: 'strict',
  whitelist: 'skip',
  windowMs: 'window',
}

/**
 * Refuses an options object that is none, or that has an option nobody reads.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 */
export function knownOptions(what: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new SluiceError(
      'ERR_OPTION_INVALID',
      `${what}: expected an options object, got ${Array.isArray(options) ? 'an array' : String(options)}`,
    )
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue
    const ours = meant(name, known)
    throw new SluiceError(
      'ERR_OPTION_UNKNOWN',
      `${what}: "${name}" is not an option; ${ours === undefined ? `expected one of ${known.join(', ')}` : `use ${ours}`}`,
    )
  }
}

/** Ours for a peer's word, where it can be given here; else the option that is nearest in spelling. */
function meant(name: string, known: readonly string[]): string | undefined {
  const theirs = Object.hasOwn(PEERS, name) ? PEERS[name] : undefined
  if (theirs !== undefined && known.some((option) => theirs.split(/\W+/).includes(option))) return theirs
  return known.find((candidate) => distance(candidate.toLowerCase(), name.toLowerCase()) <= 2)
}

/** Edits (insert, delete, replace) between two words. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min((next[j - 1] ?? 0) + 1, (row[j] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
