// Sluice for code that takes a web Request and returns a Response. Everything of core comes along, so that one import is enough.
export * from '@sluice/core'
export { type FetchHandler, type FetchOptions, type FetchRateLimit, rateLimit } from './rate-limit.ts'
export { type Checked, createCheck, type FetchCheck } from './check.ts'
export { decisionOf } from './admission.ts'
export type { CheckOptions } from './host.ts'
