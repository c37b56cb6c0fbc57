import type { Limiter } from '@sluice/core'
import type { LimitName } from './register.ts'

/** The module's limiter, for services to inject: `constructor(@Inject(RateLimiter) private readonly limiter: RateLimiter) {}`. */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- the members are those of the limiter that Nest injects
export interface RateLimiter extends Limiter<LimitName> {}
// oxlint-disable-next-line typescript/no-extraneous-class -- both a token for Nest and a type
export abstract class RateLimiter {}
