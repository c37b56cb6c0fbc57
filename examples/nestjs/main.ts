import { Controller, Get, HttpCode, Module, Post } from '@nestjs/common'
import { APP_GUARD, NestFactory } from '@nestjs/core'
import {
  fixedWindow,
  header,
  ip,
  RateLimit,
  RateLimitGuard,
  RateLimitModule,
  type RateLimitModuleOptions,
  requestOf,
  slidingWindow,
} from '@sluice/nestjs'

const plans = new Map([['key-of-alice', 'premium']])
// Beside the limits by key: whoever sends a new key with each request would get a new quota each time.
const address = slidingWindow({ name: 'address', limit: 30, window: '1m', key: ip() })

const options = {
  key: header('x-api-key'),
  tier: (context) => plans.get(requestOf(context).headers['x-api-key']) ?? 'free',
  tiers: {
    free: [address, slidingWindow({ name: 'minute', limit: 5, window: '1m' }), fixedWindow({ name: 'day', limit: 1_000, window: 'day' })],
    premium: [slidingWindow({ name: 'minute', limit: 50, window: '1m' }), fixedWindow({ name: 'day', limit: 1_000_000, window: 'day' })],
  },
  policies: { login: { limit: 3, window: '15m', key: ip() } },
} satisfies RateLimitModuleOptions

// The names of the limits, for the decorators: a misspelt one does not compile.
declare module '@sluice/nestjs' {
  interface Register {
    rateLimit: typeof options
  }
}

@Controller()
class Api {
  @Get()
  hello() {
    return { hello: 'world' }
  }
  @Get('report')
  @RateLimit({ minute: { limit: 1 } })
  report() {
    return { rows: 42 }
  }
  @Post('login')
  @HttpCode(401)
  @RateLimit('login')
  login() {}
}

@Module({ imports: [RateLimitModule.forRoot(options)], controllers: [Api], providers: [{ provide: APP_GUARD, useClass: RateLimitGuard }] })
class App {}

const app = await NestFactory.create(App, { logger: ['warn', 'error'] })
app.enableShutdownHooks()
await app.listen(Number(process.env['PORT'] ?? 3000))
console.log(`Listening. Try:  curl -i ${await app.getUrl()}`)
