// Compiled, never run: the types with declared names. Apart from the other tests, which declare no names, because an augmentation
// applies to a whole program.
import { Controller, Get, Inject, Injectable } from '@nestjs/common'
import {
  type Decision,
  fixedWindow,
  ip,
  type Limiter,
  OverrideRateLimit,
  RateLimit,
  RateLimitCost,
  RateLimitDecision,
  RateLimiter,
  RateLimitModule,
  type RateLimitModuleOptions,
  rateLimit,
  SkipRateLimit,
  slidingWindow,
} from '@sluice/nestjs'
import { expectTypeOf } from 'vitest'

export const options = {
  limits: [
    slidingWindow({ name: 'short', limit: 10, window: '1s' }),
    fixedWindow({ name: 'day', limit: 1_000, window: 'day', key: ip() }),
    slidingWindow({ name: 'message', limit: 10, window: '1s' }),
  ],
  tiers: { premium: [slidingWindow({ name: 'burst', limit: 100, window: '1s' })] },
  tier: (context) => context.switchToHttp().getRequest<{ plan?: string }>().plan,
  policies: { login: { limit: 5, window: '15m' } },
} satisfies RateLimitModuleOptions

declare module '@sluice/nestjs' {
  interface Register {
    rateLimit: typeof options
  }
}

RateLimitModule.forRoot(options)
RateLimitModule.forRootAsync({ inject: ['url'], useFactory: async (url: string) => ({ limit: url.length }) })

@Controller()
@OverrideRateLimit({ short: { limit: 5 }, burst: { window: '2s' }, message: { limit: 3 } })
@SkipRateLimit('day')
export class Users {
  @Get()
  @RateLimit('login')
  @RateLimit({ limit: 5, window: '1m', key: (context) => context.getHandler().name })
  @RateLimitCost({ short: 2 })
  find(@RateLimitDecision() decision: Decision): number {
    return decision.remaining
  }
  @Get()
  @RateLimit({
    limits: [slidingWindow({ name: 'own', limit: 1, window: '1m' })],
    refundWhen: (_, { status, value }) => status > 400 || value === 1,
  })
  @RateLimitCost(async (context) => context.getArgs().length)
  @SkipRateLimit(false)
  all(): void {}
}

@Injectable()
export class Service {
  constructor(@Inject(RateLimiter) private readonly limiter: RateLimiter) {
    expectTypeOf(limiter).toExtend<Limiter<'short' | 'day' | 'message' | 'burst'>>()
  }
  async use(): Promise<void> {
    await this.limiter.consume('ann', { cost: { short: 2 } })
    await this.limiter.reset({ short: ['ann', '192.0.2.1'] })
    // @ts-expect-error A misspelt limit among the costs.
    await this.limiter.consume('ann', { cost: { shrot: 2 } })
  }
}

// @ts-expect-error A misspelt limit.
OverrideRateLimit({ shrot: { limit: 1 } })
// @ts-expect-error The options of a limit to add.
OverrideRateLimit({ limit: 5, window: '1m' })
OverrideRateLimit({ short: { limit: 1 } }, { name: 'v2.users' })
// @ts-expect-error A misspelt option.
OverrideRateLimit({ short: { limit: 1 } }, { nam: 'v2.users' })
// @ts-expect-error The name of a policy.
OverrideRateLimit('login')
// @ts-expect-error An override in @RateLimit.
RateLimit({ short: { limit: 1 } })
// @ts-expect-error A misspelt policy.
RateLimit('logni')
// @ts-expect-error A misspelt option.
RateLimit({ limmit: 1 })
// @ts-expect-error A peer's option.
OverrideRateLimit({ short: { limit: 1, ttl: 60_000 } })
// @ts-expect-error A peer's option.
RateLimit({ limit: 1, ttl: 60_000 })
// @ts-expect-error A window in words.
RateLimit({ limit: 1, window: '1 minute' })
// @ts-expect-error A misspelt limit.
SkipRateLimit('shrot')
// @ts-expect-error A name beside a boolean.
SkipRateLimit('short', true)
// @ts-expect-error A misspelt limit among the costs.
RateLimitCost({ shrot: 2 })
// @ts-expect-error An option of the module only.
rateLimit({ policies: {} })
// @ts-expect-error A misspelt option.
RateLimitModule.forRoot({ limmits: [] })
// @ts-expect-error An option of a peer.
RateLimitModule.forRootAsync({ useFactory: () => ({ throttlers: [] }) })
