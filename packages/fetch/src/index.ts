// Sluice for functions from a Request to a Response, with what applications use of core.
export * from '@sluice/core'
export { type FetchHandler, type FetchOptions, type FetchRateLimit, rateLimit } from './rate-limit.ts'
export { type Checked, createCheck, type FetchCheck } from './check.ts'
export { decisionOf } from './request-state.ts'
export type { CheckOptions } from './host.ts'
