/** Every code that core itself throws, warns with or reports. Each has a section of its name in docs/errors.md. */
export const CODES = [
  // Thrown when a limiter, a limit, a store or a pipeline is made.
  'ERR_OPTION_INVALID',
  'ERR_OPTION_UNKNOWN',
  'ERR_OPTION_CONFLICT',
  'ERR_NAME_INVALID',
  'ERR_NAME_DUPLICATE',
  'ERR_NAME_TAKEN',
  'ERR_NAME_COLLISION',
  'ERR_LIMIT_INEXACT',
  'ERR_LIMIT_KEY',
  // Thrown by a call or a request.
  'ERR_SUBJECT_INVALID',
  'ERR_SUBJECT_MISSING',
  'ERR_COST_INVALID',
  'ERR_LIMIT_NUMBERS',
  'ERR_RECEIPT_REQUIRED',
  'ERR_RESET_ALL_UNSUPPORTED',
  'ERR_RECEIPT_INVALID',
  'ERR_DECISION_FOREIGN',
  'ERR_BLOCK_UNSUPPORTED',
  'ERR_ADDRESS_UNKNOWN',
  'ERR_CLOCK_INVALID',
  'ERR_WAITERS_FULL',
  'ERR_LIMITER_CLOSED',
  // Thrown by a store that could not decide.
  'ERR_STORE_UNAVAILABLE',
  // Emitted once, to `on.warning` or the console. With `strict: true` the first five are thrown.
  'WARN_FORWARDED_UNTRUSTED',
  'WARN_TRUST_PERMISSIVE',
  'WARN_SINGLE_ADDRESS',
  'WARN_MEMORY_IN_CLUSTER',
  'WARN_GUARD_UNBOUND',
  'WARN_FORWARDED_OTHER',
  'WARN_BODY_UNPARSED',
  'WARN_ROUTE_UNKNOWN',
  'WARN_NAME_SHARED',
  'WARN_LIMITER_PER_REQUEST',
  'WARN_COST_NEVER',
  'WARN_WINDOW_SHORT',
  'WARN_VALUE_IGNORED',
  'WARN_TIER_DEFAULTED',
  'WARN_OBSERVER_FAILED',
  'WARN_SETTLE_FAILED',
  'WARN_HOLDER_LOST',
  'WARN_INSTANCES_UNKNOWN',
  // Emitted once for each outage and cause, and once at its end.
  'WARN_STORE_AWAY',
  'WARN_STORE_BACK',
  // Emitted to `on.warning` of a transport between regions, or the console: once for each reason.
  'WARN_REGION_TRANSPORT',
  // Emitted to `on.anomaly`.
  'ANOMALY_OVERFLOW',
  'ANOMALY_UNRECONCILED',
] as const

/**
 * The codes of each package that is loaded, by package. The package of a store adds its own by declaration merging:
 * `declare module '@sluice/core' { interface CodeRegistry { readonly mine: (typeof MY_CODES)[number] } }`.
 */
export interface CodeRegistry {
  readonly core: (typeof CODES)[number]
}

/** Every code that an error, a warning or an anomaly can have. */
export type Code = CodeRegistry[keyof CodeRegistry]
