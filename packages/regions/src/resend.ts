import type { Clock, Limit } from '@sluice/core'
import { pause, splitScope, stateNameOf } from '@sluice/core/store-kit'
import type { Exchange } from './exchange.ts'
import { isExchangeable } from './shape.ts'
import type { LedgerStorage } from './storage.ts'

/** The most subjects of a second, so that a resend is no load. */
const RATE = 1_000
/** The most limits of a policy that are remembered. A function that returns window lengths can make any number. */
const MAX_LIMITS = 64
const MAX_POLICIES = 1_000
/** ms for which a policy that this process does not know yet is sent later, when it has decided on one of its limits. */
const LATER = 600_000

interface Target {
  readonly scope: string
  readonly limit: Limit
}

export interface ResendParts {
  readonly storage: LedgerStorage
  readonly exchange: Pick<Exchange, 'publishAgain'>
  readonly clock: Required<Clock>
  readonly signal: AbortSignal
  failed(error: unknown): void
}

/** Sends again what this region has counted, when another region has lost its data. */
export class Resend {
  private readonly parts: ResendParts
  /** By policy and name of the state, the limits on which this process decided: a ledger does not name them. */
  private readonly targets = new Map<string, Map<string, Target>>()
  private last: Promise<void> = Promise.resolve()
  /** Whether a resend of all policies has not begun. */
  private isWaiting = false
  /** When policies that become known are no longer sent later. */
  private laterUntil = 0

  constructor(parts: ResendParts) {
    this.parts = parts
  }

  /** Remembers a limit on which this process decided. */
  know({ scope, limit }: Target): void {
    if (!isExchangeable(limit)) return
    const { policy } = splitScope(scope)
    let targets = this.targets.get(policy)
    if (targets === undefined) {
      if (this.targets.size >= MAX_POLICIES) this.targets.clear()
      this.targets.set(policy, (targets = new Map()))
      if (this.parts.clock.monotonic() < this.laterUntil) void this.afterLast(() => this.scan([policy]))
    }
    if (targets.size < MAX_LIMITS) targets.set(stateNameOf({ scope, limit }), { scope, limit })
  }

  /** Another region asks. Resolves at the end, and never rejects. While one resend runs, all who ask get the next. */
  asked(): Promise<void> {
    if (this.isWaiting) return this.last
    this.isWaiting = true
    return this.afterLast(() => {
      this.isWaiting = false
      return this.scan()
    })
  }

  private afterLast(scan: () => Promise<void>): Promise<void> {
    this.last = this.last.then(scan).catch((error: unknown) => this.parts.failed(error))
    return this.last
  }

  private async scan(only?: readonly string[]): Promise<void> {
    const { storage, exchange, clock, signal } = this.parts
    const known = only ?? [...this.targets.keys()]
    for await (const names of storage.ledgers(known)) {
      if (signal.aborted) return
      const started = clock.monotonic()
      const subjects = names.flatMap(({ policy, subject }) => {
        const targets = policy === undefined ? undefined : this.targets.get(policy)
        return policy === undefined || targets === undefined ? [] : [{ policy, subject, targets: [...targets.values()] }]
      })
      if (only === undefined && subjects.length < names.length) this.sendLater(known)
      if (subjects.length === 0) continue
      await exchange.publishAgain(subjects)
      await pause(Math.max(0, (subjects.length * 1000) / RATE - (clock.monotonic() - started)), clock, signal)
    }
  }

  /** Policies that are not known are sent when they become known, also those that did while this scan ran. */
  private sendLater(known: readonly string[]): void {
    const now = this.parts.clock.monotonic()
    const since = now < this.laterUntil ? [] : [...this.targets.keys()].filter((policy) => !known.includes(policy))
    this.laterUntil = now + LATER
    if (since.length > 0) void this.afterLast(() => this.scan(since))
  }
}
