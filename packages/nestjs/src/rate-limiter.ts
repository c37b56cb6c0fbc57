/* oxlint-disable typescript/no-extraneous-class, typescript/no-unsafe-declaration-merging -- RateLimiter is a token for Nest, and the type of the limiter that Nest injects for it */
import type { ExecutionContext } from '@nestjs/common'
import type { RequestLimiter } from '@sluice/core'
import type { LimitName } from './register.ts'

/** The members of the injected limiter. */
export interface RateLimiter extends RequestLimiter<ExecutionContext, LimitName> {}

/**
 * The module's limiter, for services to inject.
 * @example
 * ```ts
 * import { Inject, Injectable } from '@nestjs/common'
 * import { RateLimiter } from '@sluice/nestjs'
 *
 * @Injectable()
 * export class Accounts {
 *   @Inject(RateLimiter)
 *   readonly limiter!: RateLimiter
 *
 *   async forgive(address: string): Promise<void> {
 *     await this.limiter.reset(address)
 *   }
 * }
 * ```
 */
export abstract class RateLimiter {}
