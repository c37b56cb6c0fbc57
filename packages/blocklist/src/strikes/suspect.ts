import type { Decision } from '@sluice/core'
import type { BlockTarget, StrikeReport } from '@sluice/core/store-kit'

/** Limits, each with a subject, of which one suspect remembers the wait. */
const MAX_WAITS = 8
const MAX_LIMITS = 8
/** How long after a refusal further ones may still be requests that were sent before it arrived, at most. */
const MAX_GRACE = 1_000

/** How many of them, at most: the streams of one connection of HTTP/2. */
const MAX_IN_FLIGHT = 100

/** Policies whose requests are counted apart; the others count together. */
export const MAX_POLICIES = 16

/** A wait that was sent to a client. */
interface SentWait {
  readonly policy: string
  readonly limit: string
  readonly subject: string
  /** When it was first sent. Times are in ms, by a clock that never goes back. */
  since: number
  /** When it has passed. */
  until: number
  grace: number
  /** Further refusals within the grace. */
  inFlight: number
  isNamed: boolean
}

/** A subject that was refused: the waits that it was sent, and what it did since the last report. */
export class Suspect {
  readonly target: BlockTarget
  /** Of the last refusal. */
  seen = 0
  /** All of its refusals that were noted. */
  refusals = 0
  /** Strikes in the present window of this process. */
  total = 0
  /** When that window began; `undefined` before the first strike. */
  window: number | undefined
  private strikes = 0
  private refused = 0
  /** Requests that were admitted before the window began. */
  private before = 0
  private readonly requests = new Uint32Array(MAX_POLICIES)
  private readonly endpoints = new Uint32Array(8)
  private readonly limits: string[] = []
  private readonly waits: SentWait[] = []

  constructor(target: BlockTarget) {
    this.target = target
  }

  /** Whether there is something to report: strikes, or requests after strikes, which change their share. */
  get hasNews(): boolean {
    return this.strikes > 0 || (this.window !== undefined && this.requests.some((count) => count > 0))
  }

  countRequest(policy: number): void {
    this.requests[policy]! += 1
  }

  /**
   * Notes a refusal, and returns whether it is a strike: whether the request was sent before the wait that the client knew of had passed.
   * @param sent when the request arrived
   * @param now when it was refused
   */
  refuse({ policy, binding, retryAfter }: Decision, subject: string, sent: number, now: number): boolean {
    this.refused += 1
    this.refusals += 1
    this.seen = now
    const sentWait = this.waitOf(policy, binding?.name ?? '', subject)
    const isObeyed = now >= sentWait.until
    // In whole seconds, as Retry-After says it.
    const wait = Math.ceil(retryAfter / 1_000) * 1_000
    sentWait.until = now + wait
    if (isObeyed) {
      sentWait.since = now
      // A client with several connections has sent requests that it cannot take back.
      sentWait.grace = Math.min(MAX_GRACE, wait / 2)
      sentWait.inFlight = 0
      return false
    }
    if (sent - sentWait.since <= sentWait.grace && ++sentWait.inFlight < MAX_IN_FLIGHT) return false
    if (!sentWait.isNamed) this.name(sentWait)
    return true
  }

  strike(endpoint: number): void {
    this.strikes += 1
    this.total += 1
    this.endpoints[(endpoint & 255) >>> 5]! |= 1 << (endpoint & 31)
  }

  /** Begins another window, with the requests that were admitted before its first strike. */
  open(at: number, admitted: number): void {
    this.window = at
    this.total = 0
    this.limits.length = 0
    for (const sentWait of this.waits) sentWait.isNamed = false
    this.before = admitted
  }

  /** What has come since the last report. It is reported once: a report that is lost is not sent again. */
  take(): StrikeReport {
    const { strikes, refused, limits } = this
    // A request may pass several policies. The most that one of them saw is at least what there were.
    const requests = this.before + Math.max(refused, ...this.requests)
    const endpoints = Array.from(this.endpoints, (word) => word.toString(16).padStart(8, '0')).join('')
    this.strikes = this.refused = this.before = 0
    this.requests.fill(0)
    this.endpoints.fill(0)
    return { ...this.target, strikes, refused, requests, endpoints, limits: [...limits] }
  }

  /** Whether nothing of it matters any more. */
  isOver(window: number, now: number): boolean {
    return now - this.seen > window && this.waits.every(({ until }) => until <= now)
  }

  private waitOf(policy: string, limit: string, subject: string): SentWait {
    const { waits } = this
    for (let i = 0; i < waits.length; i++) {
      const one = waits[i] as SentWait
      if (one.limit === limit && one.policy === policy && one.subject === subject) return one
    }
    const one = { policy, limit, subject, since: 0, until: 0, grace: 0, inFlight: 0, isNamed: false }
    if (waits.length < MAX_WAITS) waits.push(one)
    else waits[leastOf(waits)] = one
    return one
  }

  private name(sentWait: SentWait): void {
    sentWait.isNamed = true
    const name = `${sentWait.policy}/${sentWait.limit}`
    if (this.limits.length < MAX_LIMITS && !this.limits.includes(name)) this.limits.push(name)
  }
}

/** The one whose wait ends first. */
function leastOf(waits: readonly SentWait[]): number {
  let least = 0
  for (let i = 1; i < waits.length; i++) if ((waits[i] as SentWait).until < (waits[least] as SentWait).until) least = i
  return least
}
