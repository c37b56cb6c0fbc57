import type { Limiter } from '@sluice/core'
import type { LimitName } from './register.ts'

/** The module's limiter, to be injected: `constructor(@Inject(RateLimiter) private readonly limiter: RateLimiter)`. */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- the members are those of what is injected
export interface RateLimiter extends Limiter<LimitName> {}
// oxlint-disable-next-line typescript/no-extraneous-class -- a token for Nest, and a type
export abstract class RateLimiter {}
