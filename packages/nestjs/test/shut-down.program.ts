// A Nest application with a store on Redis, which takes one request and closes. The process has to end by itself.
import type { AddressInfo } from 'node:net'
import { Controller, Get, Module } from '@nestjs/common'
import { APP_GUARD, NestFactory } from '@nestjs/core'
import { redisStore } from '@sluice/redis'
import { RateLimitGuard, RateLimitModule } from '../src/index.ts'

class Plain {
  plain(): string {
    return 'plain'
  }
}
// Applied as functions: Node's type stripping does not support decorator syntax.
Get()(Plain.prototype, 'plain', Object.getOwnPropertyDescriptor(Plain.prototype, 'plain')!)
Controller()(Plain)
// oxlint-disable-next-line typescript/no-extraneous-class -- a module of Nest
class App {}
Module({
  imports: [RateLimitModule.forRoot({ store: redisStore({ url: process.argv[2]! }) })],
  controllers: [Plain],
  providers: [{ provide: APP_GUARD, useClass: RateLimitGuard }],
})(App)

const app = await NestFactory.create(App, { logger: false })
await app.listen(0, '127.0.0.1')
const { port } = app.getHttpServer().address() as AddressInfo
const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })
console.log(response.status, response.headers.get('x-ratelimit-remaining'))
await app.close()
