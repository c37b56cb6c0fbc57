// Tests of a user who runs Jest. They need `REDIS_PORT`.

/** CommonJS, for Jest without a configuration. */
export const COMMONJS = `
const { once } = require('node:events')
const { RateLimitModule } = require('@sluice/nestjs')
const { isSluiceError, rateLimit } = require('@sluice/express')
const { redisStore } = require('@sluice/redis')
const express = require('express')
const { Redis } = require('ioredis')

test('an app has a limit in Redis', async () => {
  const redis = new Redis({ port: Number(process.env.REDIS_PORT), maxRetriesPerRequest: 1, enableOfflineQueue: false, lazyConnect: true })
  await redis.connect()
  const limiting = rateLimit({ limit: 1, window: '1m', store: redisStore(redis, { prefix: process.env.PREFIX, failover: { deadline: 10_000 } }) })
  const app = express()
  app.use(limiting)
  app.get('/', (req, res) => { res.send(req.rateLimit.source) })
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = 'http://127.0.0.1:' + server.address().port
  const [one, two] = [await fetch(url), await fetch(url)]
  expect([one.status, await one.text(), two.status]).toEqual([200, 'redis', 429])
  server.closeAllConnections()
  server.close()
  await limiting.limiter.close()
  await redis.quit()
})
test('the module of Nest loads', () => {
  expect(RateLimitModule.forRoot({ limit: 1 }).module).toBe(RateLimitModule)
})
test('an error is recognised by each package', () => {
  try {
    rateLimit({ limit: -1 })
  } catch (error) {
    expect([error.code, isSluiceError(error)]).toEqual(['ERR_OPTION_INVALID', true])
  }
  expect.assertions(1)
})
`

/** CommonJS that also imports. Jest can do that with `--experimental-vm-modules` only. */
export const BOTH = `
test('both forms have one state', async () => {
  for (const name of ['@sluice/core', '@sluice/express', '@sluice/nestjs', '@sluice/redis']) {
    const required = require(name)
    const imported = await import(name)
    for (const key of Object.keys(required)) expect([name, key, imported[key] === required[key]]).toEqual([name, key, true])
    expect(Object.keys(required).length).toBeGreaterThan(0)
  }
})
`

/** TypeScript, for ts-jest. Only `app.close()` ends the store and its connection. */
export const NEST = `
import { Controller, Get, Module } from '@nestjs/common'
import { APP_GUARD } from '@nestjs/core'
import { Test } from '@nestjs/testing'
import { type Decision, isSluiceError, RateLimitDecision, RateLimiter, RateLimitGuard, RateLimitModule, SluiceError } from '@sluice/nestjs'
import { redisStore } from '@sluice/redis'

@Controller()
class Cats {
  constructor(private readonly limiter: RateLimiter) {}
  @Get()
  all(@RateLimitDecision() decision: Decision): object {
    return { decidedBy: decision.source, left: decision.remaining, name: this.limiter.name }
  }
}
const store = redisStore({ url: 'redis://127.0.0.1:' + process.env.REDIS_PORT }, { prefix: process.env.PREFIX, failover: { deadline: 10_000 } })
@Module({
  imports: [RateLimitModule.forRootAsync({ useFactory: () => ({ limit: 1, window: '1m', store }) })],
  controllers: [Cats],
  providers: [{ provide: APP_GUARD, useClass: RateLimitGuard }],
})
class AppModule {}

describe('the application', () => {
  it('has a limit in Redis', async () => {
    const module = await Test.createTestingModule({ imports: [AppModule] }).compile()
    const app = module.createNestApplication()
    await app.listen(0, '127.0.0.1')
    const url = await app.getUrl()
    const [one, two] = [await fetch(url), await fetch(url)]
    expect([one.status, await one.json(), two.status]).toEqual([200, { decidedBy: 'redis', left: 0, name: 'default' }, 429])
    await app.close()
  })
  it('recognises an error of the package', () => {
    const error = new SluiceError('ERR_OPTION_INVALID', 'wrong')
    expect(isSluiceError(error)).toBe(true)
  })
})
`
