import { once } from 'node:events'
import { Controller, Get, Inject, Injectable, type OnModuleDestroy } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { expect, test } from 'vitest'
import {
  createLimiter,
  fixedWindow,
  memoryStore,
  RateLimiter,
  RateLimitModule,
  type RateLimitModuleOptions,
  type Store,
} from '../src/index.ts'
import { appOf, moduleOf } from './app.ts'

const minute = fixedWindow({ name: 'minute', limit: 9, window: '1m' })

/** A store that records when it is closed. */
function recording(log: string[]): Store {
  return Object.assign(memoryStore(), { close: () => void log.push('store closed') })
}
const contextOf = (options: RateLimitModuleOptions) =>
  NestFactory.createApplicationContext(moduleOf({ imports: [RateLimitModule.forRoot(options)] }), { logger: false, abortOnError: false })

test('D03: app.close() ends the requests, then the store of the module', async () => {
  const log: string[] = []
  let end = (): void => undefined
  @Controller()
  class Slow {
    @Get()
    async slow(): Promise<string> {
      await new Promise<void>((resolve) => (end = resolve))
      log.push('answered')
      return 'slow'
    }
  }
  @Injectable()
  class Worker implements OnModuleDestroy {
    constructor(@Inject(RateLimiter) private readonly limiter: RateLimiter) {}
    async onModuleDestroy(): Promise<void> {
      log.push(`destroyed, ${(await this.limiter.consume('192.0.2.1')).remaining} left`)
    }
  }
  const { app, get } = await appOf({ store: recording(log), limits: [minute] }, { controllers: [Slow], providers: [Worker] })
  const started = once(app.getHttpServer() as never, 'request')
  const answer = get('/')
  await started
  const closed = app.close()
  await expect.poll(() => log).toEqual(['destroyed, 8 left'])
  end()
  await closed
  expect(await answer).toMatchObject({ status: 200, left: [8] })
  expect(log).toEqual(['destroyed, 8 left', 'answered', 'store closed'])
})

test('D03: a store of forRootAsync is closed, too', async () => {
  const log: string[] = []
  const root = moduleOf({ imports: [RateLimitModule.forRootAsync({ useFactory: () => ({ store: recording(log) }) })] })
  const app = await NestFactory.createApplicationContext(root, { logger: false })
  await app.close()
  expect(log).toEqual(['store closed'])
})

test('D03: a limiter that the module was given is closed', async () => {
  const log: string[] = []
  const limiter = Object.assign(createLimiter({ limits: [minute] }), { close: () => void log.push('limiter closed') })
  const app = await contextOf({ limiter })
  await app.close()
  expect(log).toEqual(['limiter closed'])
})

test('D03: close: false keeps both open, and the name of the limiter is free again', async () => {
  const log: string[] = []
  const store = recording(log)
  for (const limit of [5, 6]) await (await contextOf({ store, limit, close: false })).close()
  const limiter = Object.assign(createLimiter({ limits: [minute] }), { close: () => void log.push('limiter closed') })
  await (await contextOf({ limiter, close: false })).close()
  expect(log).toEqual([])
})

test('D03: close is true or false', async () => {
  await expect(contextOf({ close: 'no' as never })).rejects.toThrow('close: expected true or false')
})
