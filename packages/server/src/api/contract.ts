// The JSON of the endpoints for checks. Durations are in ms. JSON has no Infinity: where nothing helps or nothing is known, it is null.

/** A request that is decided. */
export interface CheckInput {
  readonly namespace?: string | undefined
  readonly method?: string | undefined
  readonly path?: string | undefined
  readonly host?: string | undefined
  readonly ip?: string | undefined
  readonly route?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: unknown
  readonly attributes?: Readonly<Record<string, unknown>> | undefined
  readonly cost?: UnitsInput | undefined
  readonly decision?: boolean | undefined
}

/** Units of every limit, or of some by name. */
export type UnitsInput = number | Readonly<Record<string, number>>

/** What a decision really took. */
export type SettlementInput =
  | { readonly decision: string; readonly cost: UnitsInput; readonly refund?: undefined; readonly response?: undefined }
  | { readonly decision: string; readonly refund: true; readonly cost?: undefined; readonly response?: undefined }
  | { readonly decision: string; readonly response: ResponseInput; readonly cost?: undefined; readonly refund?: undefined }

/** How a request ended: what `settle` and `refundOn` of a document read. */
export interface ResponseInput {
  readonly status?: number | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly attributes?: Readonly<Record<string, unknown>> | undefined
}

export interface ReleaseInput {
  readonly decision: string
}

/** What one limit said. */
export interface LimitAnswer {
  readonly name: string
  readonly label?: string | undefined
  readonly algorithm: string
  readonly limit: number
  readonly windowMs: number | null
  readonly window?: string | undefined
  readonly remaining: number | null
  readonly used: number | null
  readonly retryAfterMs: number | null
  readonly resetAfterMs: number | null
  readonly allowed: boolean | null
}

/** The answer to one check. */
export interface CheckAnswer {
  readonly allowed: boolean
  readonly verdict: 'allowed' | 'refused' | 'blocked' | 'unavailable'
  readonly status: number
  readonly namespace: string
  readonly revision: number | null
  readonly policies: readonly string[]
  readonly tier: string | null
  readonly binding: string | null
  readonly remaining: number | null
  readonly retryAfterMs: number | null
  readonly resetAfterMs: number | null
  readonly delayMs: number
  readonly granted: number
  readonly source: string
  readonly limits: readonly LimitAnswer[]
  readonly headers: Readonly<Record<string, string>>
  readonly problem?: Readonly<Record<string, unknown>> | undefined
  readonly decision?: string | undefined
}

export interface SettlementAnswer {
  readonly settled: boolean
  readonly reason: 'expired' | 'settled-before' | 'store-away' | 'no-namespace' | null
}

export interface ReleaseAnswer {
  readonly released: boolean
  readonly reason: 'expired' | 'no-namespace' | null
}
