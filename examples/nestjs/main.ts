// An API with two plans by API key, and a limit for each client address.
import { Controller, Get, Module } from '@nestjs/common'
import { APP_GUARD, NestFactory } from '@nestjs/core'
import {
  type Decision,
  fixedWindow,
  header,
  ip,
  RateLimit,
  RateLimitDecision,
  RateLimitGuard,
  RateLimitModule,
  requestOf,
  SkipRateLimit,
} from '@sluice/nestjs'

const plans = new Map([
  ['key-of-ann', 'free'],
  ['key-of-bob', 'premium'],
])
// The client chooses the key, and nothing checks it here. Without this limit, a new key for each request would have no limit at all.
const address = fixedWindow({ name: 'address', limit: 30, window: '1m', anchor: 'first', key: ip() })
const plan = (minute: number, day: number) => [
  fixedWindow({ name: 'minute', limit: minute, window: '1m', anchor: 'first' }),
  fixedWindow({ name: 'day', limit: day, window: 'day' }),
  address,
]

@Controller()
class Api {
  @Get()
  plan(@RateLimitDecision() { tier, remaining }: Decision) {
    return { plan: tier, left: remaining }
  }
  @Get('report')
  @RateLimit({ limit: 2, window: '1h' })
  report(@RateLimitDecision() { remaining }: Decision) {
    return { left: remaining }
  }
  @Get('health')
  @SkipRateLimit()
  health() {
    return { ok: true }
  }
}

const limits = RateLimitModule.forRoot({
  key: header('x-api-key'),
  tiers: { free: plan(5, 1_000), premium: plan(100, 50_000) },
  tier: (context) => plans.get(requestOf(context).headers['x-api-key']) ?? 'free',
})
@Module({ imports: [limits], controllers: [Api], providers: [{ provide: APP_GUARD, useClass: RateLimitGuard }] })
class App {}

const app = await NestFactory.create(App, { logger: ['warn', 'error'], forceCloseConnections: true })
// Ends the requests, then closes the limiter and its store.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void app.close())
await app.listen(Number(process.env['PORT'] ?? 3000))
const { port } = app.getHttpServer().address() as { readonly port: number }
console.log(`Listening. Try:  curl -i -H 'x-api-key: key-of-ann' http://localhost:${port}/`)
