// What the admin endpoints answer. Times are ms since the epoch.

export type Verdict = 'allowed' | 'refused' | 'blocked' | 'unavailable'
/** ms since the epoch, or an instant of ISO 8601. */
export type Instant = number | string
export type StoreState = 'up' | 'degraded' | 'away'

export interface WhoAmI {
  readonly name: string
  /** `action:namespace`; `*` for every namespace. */
  readonly scopes: readonly string[]
  readonly by: 'token' | 'mtls'
}

export interface Instance {
  readonly id: string
  readonly host: string
  readonly version: string
  readonly startedAt: number
  readonly seenAt: number
  readonly revisions: Readonly<Record<string, number>>
}

export interface NamespaceState {
  readonly namespace: string
  readonly revision: number
  readonly from: string
  readonly inSource: boolean
  readonly confirmedAt?: number | null
  readonly mode?: string
}

/** What an instance knows of another region. */
export interface Region {
  readonly name: string
  /** From sending to application of its last message. `null`: there was none. */
  readonly lagMs: number | null
  readonly heardAt: number | null
  readonly isSilent: boolean
}

/** What an instance has exchanged with other regions. */
export interface OwnRegion {
  readonly self: string
  readonly unpublished: number
  readonly sent: number
  readonly applied: number
  readonly late: number
  readonly over: number
  readonly forgiven: number
  readonly transfers: number
  /** Why the last exchange failed. */
  readonly cause: string | null
}

export interface Overview {
  readonly instance: Pick<Instance, 'id' | 'host' | 'version' | 'startedAt'>
  readonly store: {
    readonly name: string
    readonly state: StoreState
    readonly shards: readonly { readonly name: string; readonly state: string }[]
  }
  readonly instances: readonly Instance[]
  readonly namespaces: readonly NamespaceState[]
  /** `null` or absent without regions. */
  readonly region?: OwnRegion | null
  readonly regions: readonly Region[]
}

export interface Rate {
  readonly namespace: string
  readonly policy: string
  readonly limit: string
  /** `shadowed`: a limit in shadow would have refused it. */
  readonly verdict: Verdict | 'shadowed'
  readonly perSecond: number
}

export interface Sample {
  readonly at: number
  readonly decisions: readonly Rate[]
  readonly perSecond: number
  /** 0 to 1. */
  readonly refusedShare: number
  readonly latencyMs: { readonly p50: number | null; readonly p99: number | null }
  readonly store: { readonly state: StoreState }
  readonly instances: number
}

export interface Change {
  readonly namespace: string
  readonly revision: number
}

export interface Violator {
  readonly namespace: string
  readonly policy: string
  /** `null` where all limits of the policy are counted together. */
  readonly limit?: string | null
  readonly subject: string
  readonly refused: number
  readonly lastAt?: number | null
}

/** Rows, who has counted them, and over how many minutes. */
export interface Counted<T> {
  readonly rows: readonly T[]
  readonly from?: 'instance' | 'analytics'
  readonly minutes?: number
}

export interface Nearest {
  readonly namespace: string
  readonly policy: string
  readonly limit: string
  readonly subject: string
  readonly used: number
  readonly max: number
  readonly remaining: number
  readonly resetAt?: number | null
}

export interface SubjectLimit {
  readonly policy: string
  readonly limit: string
  readonly algorithm: string
  readonly used: number
  readonly max: number
  readonly remaining: number
  readonly resetAt?: number | null
  readonly windowMs?: number | null
  readonly mode: string
  /** As the document names it under `subjects`. */
  readonly subjectName: string
  /** `store`, or what decides while the store is away. */
  readonly source?: string
}

export interface Override {
  readonly policy: string
  readonly subject: string
  readonly is?: string
  readonly limits?: Readonly<Record<string, { readonly limit?: number; readonly burst?: number }>>
  readonly tier?: string
  readonly exempt?: boolean
  readonly until?: Instant | null
}

export interface SubjectPage {
  readonly namespace: string
  readonly subject: string
  readonly limits: readonly SubjectLimit[]
  readonly block: BlockRow | null
  readonly overrides: readonly Override[]
  readonly history: readonly { readonly at: number; readonly allowed: number; readonly refused: number }[]
}

export interface PolicyRow {
  readonly namespace: string
  readonly revision: number
  readonly policies: number
  readonly from: string
  readonly inSource: boolean
  readonly publishedAt?: number | null
  readonly by?: string | null
  readonly killSwitch?: KillSwitchState | null
}

export interface PolicyText {
  readonly namespace: string
  readonly revision: number
  readonly text: string
  readonly format: 'yaml' | 'json'
  readonly etag?: string
}

export interface HistoryRow {
  readonly revision: number
  readonly at?: number | null
  readonly by?: string | null
  readonly note?: string | null
  readonly description?: string | null
  readonly rollbackOf?: number | null
}

export interface DocumentProblem {
  readonly path: string
  readonly message: string
  readonly line?: number | null
  readonly rule?: string
}

export interface Validation {
  readonly ok: boolean
  readonly problems: readonly DocumentProblem[]
  readonly findings: readonly DocumentProblem[]
}

export interface PolicyChange {
  readonly effect: 'tighter' | 'looser' | 'anew' | 'neither'
  readonly policy?: string | null
  readonly path?: string
  readonly who?: string
  readonly message: string
}

export interface Impact {
  readonly requests: number
  readonly refusedBefore: number
  readonly refusedAfter: number
  readonly limits: readonly { readonly limit: string; readonly refusedBefore: number; readonly refusedAfter: number }[]
  /** What was tried, and what was not. */
  readonly basis?: string
  readonly subjects: readonly {
    readonly limit?: string
    readonly subject: string
    readonly refusedBefore: number
    readonly refusedAfter: number
  }[]
}

export interface Published {
  readonly revision: number
  readonly waitedMs?: number
  readonly laggards?: readonly string[]
}

/** What a rule saw before it blocked. */
export interface Evidence {
  readonly strikes: number
  readonly refused: number
  readonly requests: number
  readonly endpoints: number
  readonly limits: readonly string[]
}

export interface BlockRow {
  readonly kind: 'address' | 'subject'
  readonly name: string
  readonly effect: 'refuse' | 'drop' | 'shadow' | 'allow'
  /** `manual` for an entry by hand. */
  readonly rule: string
  readonly since: number
  /** `null`: it does not end. */
  readonly until?: number | null
  readonly level: number
  readonly evidence?: Evidence | null
  readonly reason?: string
}

export interface Blocks {
  readonly rows: readonly BlockRow[]
  readonly total: number
  /** Whether the service has a block list. */
  readonly isOn: boolean
}

export interface BlockWhy {
  readonly target: Pick<BlockRow, 'kind' | 'name'>
  readonly blocked?: BlockRow | null
  readonly allowed?: BlockRow | null
  readonly counting?: Evidence | null
}

export interface AuditRow {
  readonly id: string | number
  readonly at: number
  readonly who?: string | null
  readonly action: string
  readonly namespace?: string | null
  readonly target?: string | null
  /** `refused`: the caller may not. `failed`: something was away. */
  readonly outcome?: 'done' | 'refused' | 'failed'
  readonly note?: string | null
  readonly before?: unknown
  readonly after?: unknown
  readonly ip?: string | null
}

/** Why the limits of a namespace are off, and until when. */
export interface KillSwitchState {
  readonly revision: number
  readonly until?: Instant | null
  readonly reason?: string | null
  readonly by?: string | null
}

export interface KillSwitchRow extends KillSwitchState {
  readonly namespace: string
}
