import type { Clock, Decision } from '@sluice/core'
import { type BlockStorage, type BlockTarget, canonicalizer, hash32, type StrikeReport } from '@sluice/core/store-kit'
import type { LocalSet } from '../local-set.ts'
import type { RuleSettings } from '../options.ts'
import { networkName } from '../target.ts'
import { ActiveSubjects } from './active-subjects.ts'
import { identityOf, isListable, networkOf, type ReadFacts } from './attribution.ts'
import { RequestsSketch } from './requests-sketch.ts'
import { Revisions } from './revisions.ts'
import { SharedAddresses } from './shared-addresses.ts'
import { MAX_POLICIES, type Suspect } from './suspect.ts'
import { Suspects } from './suspects.ts'

/** Subjects in one report. Those with most strikes come first, the others a second later. */
const MAX_REPORTS = 200

export interface TrackerParts {
  readonly rule: RuleSettings
  readonly ipv6Prefix: number
  readonly maxSubjects: number
  readonly clock: Required<Clock>
  readonly storage: Pick<BlockStorage, 'revisionAge'>
  readonly list: Pick<LocalSet, 'covers'>
}

/** Counts the strikes of this process. */
export class Tracker {
  /** Strikes since the start. */
  strikes = 0
  readonly suspects: Suspects
  private readonly rule: RuleSettings
  private readonly clock: Required<Clock>
  private readonly list: Pick<LocalSet, 'covers'>
  private readonly canonical: ReturnType<typeof canonicalizer>
  private readonly admitted: RequestsSketch
  private readonly activeSubjects = new ActiveSubjects()
  private readonly shared: SharedAddresses
  private readonly revisions: Revisions
  private readonly policies = new Map<string, number>()
  // Nobody can choose subjects that count as one.
  private readonly seed = (Math.random() * 2 ** 32) >>> 0

  constructor({ rule, ipv6Prefix, maxSubjects, clock, storage, list }: TrackerParts) {
    this.rule = rule
    this.clock = clock
    this.list = list
    this.canonical = canonicalizer(ipv6Prefix)
    this.suspects = new Suspects(maxSubjects)
    this.admitted = new RequestsSketch(rule.window)
    this.shared = new SharedAddresses(rule.sharedAddress)
    this.revisions = new Revisions(storage, rule.afterRevision, clock.monotonic)
  }

  /** How many subjects were active within a minute. */
  get active(): number {
    return this.activeSubjects.count(this.clock.monotonic())
  }

  /** Takes one decision of a limiter. */
  decided(decision: Decision, facts: ReadFacts): void {
    const { verdict, mode, source } = decision
    // A limiter in shadow sends the client no wait, and a fallback may be wrong.
    if (mode !== 'enforce' || verdict === 'blocked' || isDegraded(source)) return
    const now = this.clock.monotonic()
    const network = networkOf(facts.address, this.canonical)
    const identity = identityOf(decision, facts, network)
    const text = identity ?? network
    if (text === undefined || !isListable(text)) return
    const kind = identity === undefined ? 'address' : 'subject'
    const hash = hash32(text, this.seed)
    this.activeSubjects.note(hash, now)
    if (identity !== undefined && network !== undefined) this.shared.note(network, hash, now)
    const policy = this.policyOf(decision.policy)
    if (verdict === 'refused') this.refused(decision, facts, { kind, text, hash, policy, now })
    else {
      this.suspects.get(kind, text)?.countRequest(policy)
      this.admitted.add(hash ^ policy, now)
    }
  }

  /** What has come since the last call, of at most MAX_REPORTS subjects. Forgets those that came to rest. */
  collect(): readonly StrikeReport[] {
    const now = this.clock.monotonic()
    const news: Suspect[] = []
    this.suspects.filter((suspect) => {
      if (suspect.isOver(this.rule.window, now)) return false
      if (!suspect.hasNews) return true
      // Blocked or allowed meanwhile, by whomever.
      if (this.list.covers(suspect.target)) return false
      news.push(suspect)
      return true
    })
    const first = news.toSorted((a, b) => b.total - a.total).slice(0, MAX_REPORTS)
    return first.map((suspect) => suspect.take())
  }

  private refused(decision: Decision, facts: ReadFacts, of: Refused): void {
    const { kind, text, policy, now } = of
    const { retryAfter, revision } = decision
    // A client that was sent no wait cannot come too early.
    if (retryAfter === Infinity || isHeld(decision)) return
    if (kind === 'address' && this.shared.isShared(text, now)) return
    if (revision !== undefined && !this.revisions.isSettled(decision.policy, revision, now)) return
    const suspect = this.suspects.get(kind, text) ?? this.suspect(kind, text)
    if (suspect === undefined) return
    const sent = now - facts.latency / 1_000
    suspect.countRequest(policy)
    if (!suspect.refuse(decision, subjectOf(decision), sent, now)) return
    if (suspect.window === undefined || now - suspect.window > this.rule.window) suspect.open(now, this.admittedOf(of))
    suspect.strike(hash32(`${facts.method ?? ''} ${facts.endpoint ?? facts.route ?? decision.policy}`))
    this.strikes += 1
  }

  /** `undefined` for one that is blocked or allowed. */
  private suspect(kind: BlockTarget['kind'], text: string): Suspect | undefined {
    const name = kind === 'subject' ? text : networkName(text)
    if (name === undefined) return undefined
    const target = { kind, name }
    return this.list.covers(target) ? undefined : this.suspects.add(target, text)
  }

  /** Requests that were admitted within the last window: a request may pass several policies, so the most that one of them saw. */
  private admittedOf({ hash, now }: Refused): number {
    let most = 0
    for (let policy = 0; policy < this.policies.size; policy++) most = Math.max(most, this.admitted.estimate(hash ^ policy, now))
    return most
  }

  private policyOf(name: string): number {
    const known = this.policies.get(name)
    if (known !== undefined) return known
    if (this.policies.size >= MAX_POLICIES - 1) return MAX_POLICIES - 1
    this.policies.set(name, this.policies.size)
    return this.policies.size - 1
  }
}

interface Refused {
  readonly kind: BlockTarget['kind']
  readonly text: string
  readonly hash: number
  readonly policy: number
  readonly now: number
}

function isDegraded(source: Decision['source']): boolean {
  return source === 'local' || source === 'open' || source === 'closed'
}

/** Whether another decision held the units for a moment only: nothing was spent. */
function isHeld({ outcomes }: Decision): boolean {
  for (let i = 0; i < outcomes.length; i++) if (outcomes[i]?.held === true) return true
  return false
}

/** The subject of the limit that refused. */
function subjectOf({ charges, binding }: Decision): string {
  for (let i = 0; i < charges.length; i++) if (charges[i]?.limit === binding) return charges[i]?.subject as string
  return ''
}
