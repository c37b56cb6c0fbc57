import type { Clock, Decision, DecisionFacts } from '@sluice/core'

const MINUTE = 60_000
/** The minutes that are kept. */
export const MINUTES = 15
/** Subjects and limits that are counted in a minute. */
const MAX_ENTRIES = 2_000

/** What this instance decided for one subject under one limit, in one minute. */
export interface BoardEntry {
  readonly namespace: string
  /** `<policy>.<limit>` */
  readonly name: string
  readonly subject: string
  allowed: number
  refused: number
  /** ms since the epoch: the last decision. */
  lastAt: number
  /** By the last decision. */
  used: number
  max: number
  remaining: number
  resetAt: number
}

interface Minute {
  /** Its start. */
  readonly at: number
  /** By the scope of the counter, then by the subject: no text is made for a decision. */
  readonly scopes: Map<string, Map<string, BoardEntry>>
  size: number
}

/** The subjects of the last minutes, as far as this instance has decided for them. Its memory is bounded. */
export class SubjectBoard {
  private readonly clock: Pick<Clock, 'now'>
  private readonly minutes: Minute[] = []
  /** Decisions that had no place. */
  dropped = 0

  constructor(clock: Pick<Clock, 'now'>) {
    this.clock = clock
  }

  /** For `observe({ decision })`. */
  decided(decision: Decision, { how }: DecisionFacts): void {
    if (how !== 'charge' || decision.mode !== 'enforce') return
    const now = this.clock.now()
    const minute = this.minuteAt(now)
    const { charges, outcomes } = decision
    for (let i = 0; i < charges.length; i++) {
      const charge = charges[i] as Decision['charges'][number]
      const outcome = outcomes[i]
      if (outcome === undefined) continue
      const entry = this.entryOf(minute, decision.policy, charge)
      if (entry === undefined) continue
      if (decision.allowed) entry.allowed += 1
      else if (!outcome.allowed) entry.refused += 1
      const { limit } = charge
      entry.lastAt = now
      entry.used = outcome.used
      entry.max = limit.burst ?? limit.limit
      entry.remaining = outcome.remaining
      entry.resetAt = Math.ceil(outcome.at / 1000) + outcome.resetAfter
    }
  }

  /** The entries since a time, those of a later minute before those of an earlier one. */
  *since(at: number): Generator<BoardEntry, void, undefined> {
    for (const minute of this.minutes.toReversed()) {
      if (minute.at + MINUTE <= at) return
      for (const subjects of minute.scopes.values()) yield* subjects.values()
    }
  }

  /** What was decided for a subject in each minute. Of several limits, the one that was asked most often counts. */
  historyOf(namespace: string, subject: string): readonly { readonly at: number; readonly allowed: number; readonly refused: number }[] {
    return this.minutes.flatMap(({ at, scopes }) => {
      const entries = [...scopes.values()]
        .flatMap((subjects) => subjects.get(subject) ?? [])
        .filter((entry) => entry.namespace === namespace)
      if (entries.length === 0) return []
      return [
        {
          at,
          allowed: Math.max(...entries.map((entry) => entry.allowed)),
          refused: entries.reduce((sum, entry) => sum + entry.refused, 0),
        },
      ]
    })
  }

  private minuteAt(now: number): Minute {
    const last = this.minutes.at(-1)
    // A clock that steps back writes into the last minute.
    if (last !== undefined && now < last.at + MINUTE) return last
    const minute = { at: now - (now % MINUTE), scopes: new Map<string, Map<string, BoardEntry>>(), size: 0 }
    this.minutes.push(minute)
    while (this.minutes.length > MINUTES) this.minutes.shift()
    return minute
  }

  private entryOf(minute: Minute, namespace: string, { scope, subject, limit }: Decision['charges'][number]): BoardEntry | undefined {
    let subjects = minute.scopes.get(scope)
    const known = subjects?.get(subject)
    if (known !== undefined) return known
    if (minute.size >= MAX_ENTRIES) {
      this.dropped += 1
      return undefined
    }
    minute.size += 1
    if (subjects === undefined) minute.scopes.set(scope, (subjects = new Map()))
    const entry = { namespace, name: limit.name, subject, allowed: 0, refused: 0, lastAt: 0, used: 0, max: 0, remaining: 0, resetAt: 0 }
    subjects.set(subject, entry)
    return entry
  }
}
