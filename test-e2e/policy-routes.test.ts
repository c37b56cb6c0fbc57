// Policies where a framework has routes of its own: which rules see a route, and which limits a route may have beside them.
import { Controller, Get, Module } from '@nestjs/common'
import { APP_GUARD, NestFactory } from '@nestjs/core'
import { rateLimit } from '@sluice/express'
import { rateLimit as fastifyLimit } from '@sluice/fastify'
import { RateLimit, RateLimitGuard, RateLimitModule } from '@sluice/nestjs'
import { documentPolicies, parseDocument } from '@sluice/policies'
import express from 'express'
import fastify from 'fastify'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'

/** The policies of one rule, on counters of their own. */
function policiesOf(match: string) {
  return documentPolicies(
    parseDocument(`
apiVersion: sluice/v1
namespace: shop
revision: 1
subjects: { address: { parts: [{ ip: true }] } }
policies:
  - name: api
    rules: [{ name: users, match: { ${match} }, limits: [{ name: minute, algorithm: fixedWindow, window: 1m, limit: 1, subject: address }] }]`),
  )
}

async function served(app: express.Express): Promise<(path: string) => Promise<Response>> {
  const server = app.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  return (path) => fetch(`http://127.0.0.1:${port}${path}`)
}

test('Express: a rule by route limits where the limiter is on the route, and fails where no route is known', async () => {
  const app = express()
  const policies = policiesOf("routes: ['/users/:id']")
  const errors: unknown[] = []
  app.get('/users/:id', rateLimit({ policies }), (_req, res) => void res.send('user'))
  app.get('/other', rateLimit({ policies }), (_req, res) => void res.send('other'))
  app.use('/early', rateLimit({ policies }), (_req, res) => void res.send('early'))
  app.use(((error, _req, res, _next) => {
    errors.push(error)
    res.sendStatus(500)
  }) satisfies express.ErrorRequestHandler)
  const get = await served(app)
  const statuses = []
  for (const path of ['/users/1', '/users/2', '/other', '/other', '/early']) statuses.push((await get(path)).status)
  expect(statuses).toEqual([200, 429, 200, 200, 500])
  expect(errors).toMatchObject([{ code: 'ERR_POLICY_ROUTE' }])
})

test('Fastify: a route may have limits of its own, other options over the policies, or other policies', async () => {
  const app = fastify()
  onTestFinished(() => app.close())
  await app.register(fastifyLimit, { policies: policiesOf("paths: ['/*']") })
  const other = policiesOf("routes: ['/other/:id']")
  app.get('/plain', () => 'plain')
  app.get('/own', { config: { rateLimit: { limit: 2, window: '1m' } } }, () => 'own')
  app.get('/free', { config: { rateLimit: { skip: () => true } } }, () => 'free')
  app.get('/other/:id', { config: { rateLimit: { policies: other } } }, () => 'other')
  const statuses = async (path: string, times: number) => {
    const all = []
    for (let i = 0; i < times; i++) all.push((await app.inject(path)).statusCode)
    return all
  }
  expect(await statuses('/plain', 2)).toEqual([200, 429])
  expect(await statuses('/own', 3)).toEqual([200, 200, 429])
  expect(await statuses('/free', 3)).toEqual([200, 200, 200])
  expect(await statuses('/other/1', 2)).toEqual([200, 429])
})

test('Nest: a document limits all routes, and a decorator with limits is refused when the application starts', async () => {
  class Users {
    find(): string {
      return 'found'
    }
  }
  const descriptor = Object.getOwnPropertyDescriptor(Users.prototype, 'find')!
  Get('users')(Users.prototype, 'find', descriptor)
  Controller()(Users)
  const start = async () => {
    class App {
      readonly name = 'app'
    }
    Module({
      imports: [RateLimitModule.forRoot({ policies: policiesOf("paths: ['/*']") })],
      controllers: [Users],
      providers: [{ provide: APP_GUARD, useClass: RateLimitGuard }],
    })(App)
    const app = await NestFactory.create(App, { logger: false, abortOnError: false })
    await app.init()
    return app
  }
  const app = await start()
  onTestFinished(() => app.close())
  await app.listen(0, '127.0.0.1')
  const get = async () => (await fetch(`${await app.getUrl()}/users`)).status
  expect([await get(), await get()]).toEqual([200, 429])
  RateLimit({ limit: 5, window: '1m' })(Users.prototype, 'find', descriptor)
  await expect(start()).rejects.toMatchObject({ code: 'ERR_OPTION_CONFLICT' })
})
