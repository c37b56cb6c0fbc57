import type { Decision, Mode } from '@sluice/core'
import { detach } from '@sluice/core/store-kit'

type Verdict = Decision['verdict']

/** A minute of one boot id. */
export interface Minute {
  /** ms since the epoch. */
  readonly start: number
  readonly boot: string
  /** When it was closed, by the monotonic clock; `undefined` while it is counted. */
  closedAt: number | undefined
}

/** What was counted under one key in one minute. */
export interface CountedRow {
  readonly place: Place
  readonly policy: string
  readonly mode: Mode
  readonly verdict: Verdict
  readonly minute: Minute
  requests: number
  units: number
  /** How many of the requests the sink has. */
  acknowledged: number
}

/** Rows by `slotOf`. */
export type Rows = (CountedRow | undefined)[]

/** What the rows of several policies, modes and verdicts have in common. */
export class Place {
  readonly namespace: string
  readonly endpoint: string
  readonly tenant: string
  readonly tier: string
  /** Whether it stands for what is beyond the bound. */
  readonly isOther: boolean
  private readonly requests: Rows = []
  private readonly policies = new Map<string, Rows>()

  constructor(namespace: string, endpoint: string, tenant: string, tier: string, isOther: boolean) {
    this.namespace = namespace
    // As it is: a pattern holds no text of a request, and equal references are compared at once.
    this.endpoint = endpoint
    this.tenant = detach(tenant)
    this.tier = detach(tier)
    this.isOther = isOther
  }

  is(namespace: string, endpoint: string, tenant: string, tier: string): boolean {
    return this.namespace === namespace && this.endpoint === endpoint && this.tenant === tenant && this.tier === tier
  }

  /** The rows of a policy, by `slotOf`. `''`: those that count each request once. */
  rowsOf(policy: string): Rows {
    if (policy === '') return this.requests
    let rows = this.policies.get(policy)
    if (rows === undefined) this.policies.set(policy, (rows = []))
    return rows
  }
}

const MODES: readonly Mode[] = ['enforce', 'shadow', 'off']
const VERDICTS: readonly Verdict[] = ['allowed', 'refused', 'blocked', 'unavailable']

/** The slot of a mode, to which that of a verdict is added. */
export const MODE_SLOTS: Readonly<Record<Mode, number>> = { enforce: 0, shadow: 4, off: 8 }
export const VERDICT_SLOTS: Readonly<Record<Verdict, number>> = { allowed: 0, refused: 1, blocked: 2, unavailable: 3 }

export function newRow(place: Place, policy: string, slot: number, minute: Minute): CountedRow {
  const [mode, verdict] = [MODES[slot >> 2] as Mode, VERDICTS[slot & 3] as Verdict]
  return { place, policy: detach(policy), mode, verdict, minute, requests: 0, units: 0, acknowledged: 0 }
}
