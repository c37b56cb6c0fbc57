import { quoted, show, SluiceError } from './errors.ts'

// What other limiters call the same thing. A silent alias would hide that the meaning differs a little; a silent
// ignore would run with no limit at all.
const PEERS: Readonly<Record<string, string>> = {
  addHeaders: 'standard and legacy',
  addHeadersOnExceeding: 'standard and legacy',
  allowList: 'skip',
  binding: 'store',
  blockDuration: 'a longer window',
  cache: 'store, as memoryStore({ maxSubjects })',
  continueExceeding: 'a longer window',
  db: 'store',
  delayAfter: 'limits, with leakyBucket({ queue: true })',
  delayMs: 'limits, with leakyBucket({ queue: true })',
  disableHeader: 'standard and legacy',
  driver: 'store',
  duration: 'window',
  enableDraftSpec: 'standard',
  errorMessage: 'message',
  errorResponseBuilder: 'message or handler',
  execEvenly: 'limits, with leakyBucket({ queue: true })',
  execEvenlyMinDelayMs: 'limits, with leakyBucket({ queue: true })',
  expire: 'window',
  exponentialBackoff: 'a longer window',
  generateKey: 'key',
  getTracker: 'key',
  groupId: 'limiter, one for all of the group',
  headers: 'standard and legacy',
  id: 'key',
  identifier: 'key, or name for what clients call it',
  ignoreUserAgents: 'skip',
  insuranceLimiter: 'failMode',
  interval: 'window',
  ipv6Subnet: 'ipv6Prefix',
  ipv6SubnetPrefix: 'ipv6Prefix',
  keyGenerator: 'key',
  keyPrefix: 'name',
  legacyHeaders: 'legacy',
  logger: 'on',
  max: 'limit',
  maxDelayMs: 'limits, with leakyBucket({ queue: true })',
  nameSpace: 'name',
  namespace: 'name',
  numberOfRequests: 'limit',
  onBanReach: 'on',
  onExceeded: 'on',
  onExceeding: 'on',
  onLimitReached: 'on',
  onLimited: 'on',
  passOnStoreError: 'failMode',
  points: 'limit',
  prefix: 'name',
  redis: 'store',
  rejectIfRedisNotReady: 'failMode',
  requestPropertyName: 'limiter, whose decision is on the request',
  requestStorePropertyName: 'limiter, whose decision is on the request',
  requestWasSuccessful: 'refundWhen',
  setHeaders: 'standard and legacy',
  skipFailedRequests: 'refundWhen',
  skipIf: 'skip',
  skipOnError: 'failMode',
  skipSuccessfulRequests: 'refundWhen',
  standardHeaders: 'standard',
  status: 'statusCode',
  statusText: 'message',
  storage: 'store',
  storeClient: 'store',
  throttlers: 'limits',
  throw: 'handler',
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
    throw new SluiceError('ERR_OPTION_INVALID', `${what}: expected an options object, got ${show(options)}`)
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue
    const ours = meant(name, known)
    throw new SluiceError(
      'ERR_OPTION_UNKNOWN',
      `${what}: ${quoted(name)} is not an option; ${ours === undefined ? `expected one of ${known.join(', ')}` : `use ${ours}`}`,
    )
  }
}

/** Ours for a peer's word, where it can be given here; else the option that is nearest in spelling. */
function meant(name: string, known: readonly string[]): string | undefined {
  const theirs = Object.hasOwn(PEERS, name) ? PEERS[name] : undefined
  if (theirs !== undefined && known.some((option) => theirs.split(/\W+/).includes(option))) return theirs
  // Of a short word two letters are most of it: `ban` is not meant for `on`.
  const most = Math.min(2, Math.floor(name.length / 3))
  return known.find((candidate) => distance(candidate.toLowerCase(), name.toLowerCase()) <= most)
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
