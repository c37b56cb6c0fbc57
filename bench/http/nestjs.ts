import type { AddressInfo } from 'node:net'
import { ThrottlerStorageRedisService } from '@nest-lab/throttler-storage-redis'
import { Controller, type DynamicModule, Get, Header, Module, type Provider } from '@nestjs/common'
import { APP_GUARD, NestFactory } from '@nestjs/core'
import { ThrottlerGuard, ThrottlerModule } from '@nestjs/throttler'
import { RateLimitGuard, RateLimitModule } from '@sluice/nestjs'
import { connect } from '../peers.ts'
import { type Backing, BODY, BY_HAND, HOST, LIMIT, type Setup, type Serve, WINDOW, WINDOW_MS } from './setup.ts'

export const serve: Serve = async (setup, backing) => {
  const app = await NestFactory.create(moduleOf(setup, backing), { logger: false })
  await app.listen(0, HOST)
  return (app.getHttpServer().address() as AddressInfo).port
}

/** Applies the decorators by calls, since Node cannot run decorator syntax. */
function moduleOf(setup: Setup, backing: Backing): DynamicModule {
  class Api {
    get(): string {
      return BODY
    }
  }
  const descriptor = Object.getOwnPropertyDescriptor(Api.prototype, 'get') as TypedPropertyDescriptor<() => string>
  Get()(Api.prototype, 'get', descriptor)
  Header('content-type', 'application/json')(Api.prototype, 'get', descriptor)
  if (setup === 'by hand') for (const [name, value] of BY_HAND) Header(name, value)(Api.prototype, 'get', descriptor)
  Controller()(Api)
  // oxlint-disable-next-line typescript/no-extraneous-class -- a module of Nest is a class
  class App {}
  Module({})(App)
  return { module: App, controllers: [Api], ...inFront(setup, backing) }
}

function inFront(setup: Setup, { store, url }: Backing): { imports?: DynamicModule[]; providers?: Provider[] } {
  switch (setup) {
    case 'bare':
    case 'by hand':
      return {}
    case 'sluice':
    case 'sluice as the peer': {
      const headers = setup === 'sluice' ? {} : { standard: false, legacy: 'delta' as const }
      return {
        imports: [RateLimitModule.forRoot({ limit: LIMIT, window: WINDOW, store, ...headers })],
        providers: [{ provide: APP_GUARD, useClass: RateLimitGuard }],
      }
    }
    case 'peer': {
      const throttlers = [{ limit: LIMIT, ttl: WINDOW_MS }]
      const storage = url === undefined ? {} : { storage: new ThrottlerStorageRedisService(connect(url)) }
      return {
        imports: [ThrottlerModule.forRoot({ throttlers, ...storage })],
        providers: [{ provide: APP_GUARD, useClass: ThrottlerGuard }],
      }
    }
  }
}
