import type { FailMode, MissingRule, Mode } from '@sluice/core'

// The types of a policy document, as `parseDocument` returns it. What each field means, its range and its default: the schema, in schema.ts.

/** Limits of one namespace: who is limited, by what, and when. */
export interface PolicyDocument {
  readonly apiVersion: 'sluice/v1'
  readonly namespace: string
  readonly revision: number
  readonly rollbackOf?: number | undefined
  readonly deleted?: true | undefined
  readonly description?: string | undefined
  readonly subjects?: Readonly<Record<string, SubjectSpec>> | undefined
  readonly tier?: TierSpec | undefined
  readonly columns?: Readonly<Record<string, string>> | undefined
  readonly exempt?: readonly Match[] | undefined
  readonly policies?: readonly PolicySpec[] | undefined
  readonly tests?: readonly TestSpec[] | undefined
}

/** Who is limited: where the values of a subject are read from. */
export interface SubjectSpec {
  readonly parts: readonly PartSpec[]
  readonly missing?: MissingRule | undefined
  readonly trusted?: boolean | undefined
}

export type PartSpec =
  | { readonly ip: true }
  | { readonly route: true }
  | { readonly header: string }
  | { readonly cookie: string }
  | { readonly attribute: string }
  | { readonly body: string; readonly normalize?: 'lower' | undefined }

/** Which attribute names the tier of a request. */
export interface TierSpec {
  readonly attribute: string
  readonly table?: string | undefined
  readonly by?: string | undefined
  readonly default: string
}

export interface PolicySpec {
  readonly name: string
  readonly description?: string | undefined
  readonly mode?: Mode | undefined
  readonly failMode?: FailMode | undefined
  readonly status?: number | undefined
  readonly active?: ActiveSpec | undefined
  readonly rollout?: { readonly percent: number; readonly by: string } | undefined
  readonly rules: readonly RuleSpec[]
  readonly overrides?: readonly OverrideSpec[] | undefined
}

export interface RuleSpec {
  readonly name: string
  readonly match?: Match | undefined
  readonly active?: ActiveSpec | undefined
  readonly limits?: readonly LimitSpec[] | undefined
  readonly tiers?: Readonly<Record<string, readonly LimitSpec[]>> | undefined
}

/** Which requests a rule is for: those for which every given field holds. */
export interface Match {
  readonly hosts?: readonly string[] | undefined
  readonly methods?: readonly string[] | undefined
  readonly paths?: readonly string[] | undefined
  readonly caseSensitive?: boolean | undefined
  readonly routes?: readonly string[] | undefined
  readonly tiers?: readonly string[] | undefined
  readonly headers?: Readonly<Record<string, Values>> | undefined
  readonly attributes?: Readonly<Record<string, Values>> | undefined
  readonly addresses?: readonly string[] | undefined
}

/** A value of an attribute in a document. In a request, an attribute may be any value. */
export type Scalar = string | number | boolean
/** One value, or several of which one must be equal. */
export type Values = Scalar | readonly Scalar[]

/** What every limit has. */
export interface LimitBase {
  readonly name: string
  readonly limit: number
  readonly subject: string
  readonly label?: string | undefined
  readonly visible?: boolean | undefined
  readonly shared?: boolean | undefined
}

/** What a limit has that counts units in time. */
export interface Counted extends LimitBase {
  readonly cost?: CostSpec | undefined
  readonly settle?: SettleSpec | undefined
  readonly refundOn?: readonly StatusSpec[] | undefined
}

/** What a limit has that can slow a subject down before it refuses it. */
export interface Delayed extends Counted {
  readonly window: string
  readonly delay?: DelaySpec | undefined
}

export type LimitSpec =
  | (Delayed & { readonly algorithm: 'slidingWindow' })
  | (Delayed & { readonly algorithm: 'slidingLog'; readonly maxLog?: number | undefined })
  | (Delayed & {
      readonly algorithm: 'fixedWindow'
      /** A duration, or a window of the calendar. */
      readonly window: string
      readonly timeZone?: string | undefined
      readonly anchor?: 'epoch' | 'first' | AnchorSpec | undefined
    })
  | (Counted & {
      readonly algorithm: 'tokenBucket'
      readonly window: string
      readonly burst?: number | undefined
      readonly debt?: number | undefined
    })
  | (Counted & {
      readonly algorithm: 'leakyBucket'
      readonly window: string
      readonly burst?: number | undefined
      readonly queue?: boolean | undefined
      readonly maxDelay?: string | undefined
    })
  | (LimitBase & { readonly algorithm: 'concurrency'; readonly ttl: string; readonly retryHint?: string | undefined })

/** How long admitted requests wait: `step` for each unit above `after`. */
export interface DelaySpec {
  readonly after: number
  readonly step: string
  readonly max?: string | undefined
}

/** The date and the time at which a window of the calendar begins. */
export interface AnchorSpec {
  readonly month?: number | undefined
  readonly day?: number | undefined
  readonly weekday?: Day | undefined
  readonly hour?: number | undefined
  readonly minute?: number | undefined
}

/** The units that a request takes: a number, or where the number is read from. */
export type CostSpec = number | (CostSource & { readonly default: number; readonly max: number })
export type CostSource = { readonly attribute: string } | { readonly header: string } | { readonly body: string }

/** Where the units that a request really took are read from, after its response. */
export type SettleSpec = ({ readonly attribute: string } | { readonly responseHeader: string }) & { readonly max: number }

/** A status such as `404`, or a class such as `'2xx'`. */
export type StatusSpec = number | '1xx' | '2xx' | '3xx' | '4xx' | '5xx'

/** Other numbers, another tier, or no limit, for some subjects of a policy. */
export interface OverrideSpec {
  readonly subject: string
  readonly is?: string | undefined
  readonly startsWith?: string | undefined
  readonly percent?: number | undefined
  readonly limits?: Readonly<Record<string, NumbersSpec>> | undefined
  readonly tier?: string | undefined
  readonly exempt?: true | undefined
  readonly until?: string | undefined
}

/** The numbers of a limit that an override may change. */
export interface NumbersSpec {
  readonly limit?: number | undefined
  readonly burst?: number | undefined
}

/** When a policy or a rule holds, in local wall time. */
export interface ActiveSpec {
  readonly from?: string | undefined
  readonly until?: string | undefined
  readonly weekly?: readonly WeeklySpec[] | undefined
}

export type Day = 'mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun'

export interface WeeklySpec {
  readonly days: readonly Day[]
  readonly from: string
  readonly to: string
  readonly timeZone?: string | undefined
}

/** A request, and what the document must answer to it. */
export interface TestSpec {
  readonly name?: string | undefined
  readonly at?: string | undefined
  readonly request: TestRequest
  readonly times?: number | undefined
  readonly expect: Expectation
}

export interface TestRequest {
  readonly method?: string | undefined
  readonly path: string
  readonly host?: string | undefined
  readonly ip?: string | undefined
  readonly route?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: unknown
  readonly attributes?: Readonly<Record<string, unknown>> | undefined
}

export interface Expectation {
  readonly limited?: boolean | undefined
  readonly refusedBy?: string | undefined
  readonly at?: number | undefined
  readonly status?: number | undefined
  readonly retryAfter?: number | undefined
}
