import { Args, Mutation, Query, Resolver, ResolveField, Parent } from '@nestjs/graphql'
import { GraphQLModule } from '@nestjs/graphql'
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius'
import { NestFactory } from '@nestjs/core'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { afterEach, expect, test } from 'vitest'
import {
  body,
  decisionOf,
  type Decision,
  fixedWindow,
  ip,
  RateLimit,
  RateLimitDecision,
  RateLimitException,
  RateLimiter,
  RateLimitModule,
  type RateLimitModuleOptions,
  SkipRateLimit,
} from '../src/index.ts'
import { GUARD, INTERCEPTOR, moduleOf, stoppedStore } from './app.ts'

const typeDefs = `
  type User { id: ID!, name: String! }
  type Query { me: User!, left: Int!, free: String! }
  type Mutation { login(email: String!): Boolean! }
`

@Resolver('User')
class Users {
  @Query('me')
  me(): object {
    return { id: '1' }
  }
  @ResolveField('name')
  name(@Parent() { id }: { id: string }): string {
    return `user ${id}`
  }
  @Query('left')
  left(@RateLimitDecision() decision: Decision): number {
    return decision.remaining
  }
  @Query('free')
  @SkipRateLimit()
  free(): string {
    return 'free'
  }
  @Mutation('login')
  @RateLimit({ limits: [fixedWindow({ name: 'login', limit: 2, window: '15m', key: body('email') })] })
  login(@Args('email') email: string): boolean {
    return email !== ''
  }
}

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const app of open.splice(0)) await app.close()
})

async function served(options: RateLimitModuleOptions, config: Partial<MercuriusDriverConfig> = {}) {
  const root = moduleOf({
    imports: [
      RateLimitModule.forRoot({
        limits: [fixedWindow({ name: 'minute', limit: 5, window: '1m', key: ip() })],
        store: stoppedStore().store,
        ...options,
      }),
      GraphQLModule.forRoot<MercuriusDriverConfig>({ driver: MercuriusDriver, typeDefs, ...config }),
    ],
    providers: [GUARD, INTERCEPTOR, Users],
  })
  const app = await NestFactory.create(root, new FastifyAdapter() as never, { logger: false })
  open.push(app)
  await app.listen(0, '127.0.0.1')
  const { port } = app.getHttpServer().address()
  const ask = async (query: string) => {
    const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', connection: 'close' },
      body: JSON.stringify({ query }),
    })
    const answer = (await response.json()) as {
      data: Record<string, unknown> | null
      errors?: readonly { message: string; extensions: Record<string, unknown> }[]
    }
    return { status: response.status, header: response.headers.get('ratelimit'), ...answer }
  }
  return { ask, app }
}

test('trap: aliases of one field: each is a call', async () => {
  const { ask } = await served({})
  const { data, errors, header } = await ask('mutation { a: login(email: "x@y") b: login(email: "x@y") c: login(email: "x@y") }')
  expect(data).toBeNull()
  expect(errors).toHaveLength(1)
  expect(errors?.[0]).toMatchObject({
    message: 'Limit "login" allows 2 units per 900 seconds. Retry in 900 seconds.',
    extensions: { code: 'RATE_LIMITED', status: 429, 'violated-policies': ['login'], retryAfter: 900 },
  })
  expect(header, 'all or nothing: the third alias charged nothing').toBe('"minute";r=3;t=60, "login";r=0;t=900')
})

test('a blocked address gets FORBIDDEN with `blockedStatus: 403`', async () => {
  const { ask, app } = await served({ blockedStatus: 403 })
  await app.get(RateLimiter).block('127.0.0.1', '5m')
  const { errors } = await ask('{ left }')
  expect(errors?.[0]).toMatchObject({
    message: 'Requests are blocked for a time. Retry in 300 seconds.',
    extensions: { code: 'FORBIDDEN', type: 'about:blank', title: 'Forbidden', status: 403, retryAfter: 300 },
  })
})

test('a refusal is an error with extensions, and the response has the headers', async () => {
  const { ask } = await served({ limits: [fixedWindow({ name: 'minute', limit: 1, window: '1m' })] })
  expect(await ask('{ left }')).toMatchObject({ data: { left: 0 }, header: '"minute";r=0;t=60' })
  const { errors } = await ask('{ left }')
  expect(errors?.[0]?.extensions).toMatchObject({ code: 'RATE_LIMITED', title: 'Quota Exceeded', retryAfter: 60 })
  expect(await ask('{ free }')).toMatchObject({ data: { free: 'free' } })
})

test('`handler` does not answer a field: the refusal is its error', async () => {
  const handler = () => expect.fail('the handler was called')
  const { ask } = await served({ limits: [fixedWindow({ name: 'minute', limit: 1, window: '1m' })], handler })
  await ask('{ left }')
  expect((await ask('{ left }')).errors?.[0]?.message).toBe('Limit "minute" allows 1 unit per 60 seconds. Retry in 60 seconds.')
})

test('a field of a type is no call, unless fieldResolverEnhancers has guards', async () => {
  const plain = await served({})
  expect((await plain.ask('{ me { id name } }')).header).toBe('"minute";r=4;t=60')
  const guarded = await served({}, { fieldResolverEnhancers: ['guards'] })
  expect((await guarded.ask('{ me { id name } }')).header).toContain('r=3')
})

test("graphql: 'request': fields under the same limits share one decision, admitted or refused", async () => {
  const { ask } = await served({ graphql: 'request', limits: [fixedWindow({ name: 'minute', limit: 2, window: '1m' })] })
  expect(await ask('{ a: left b: left me { id } }')).toMatchObject({ data: { a: 1, b: 1 }, header: '"minute";r=1;t=60' })
  expect((await ask('mutation { a: login(email: "x@y") b: login(email: "x@y") }')).data).toEqual({ a: true, b: true })
  const { errors } = await ask('{ a: left b: me { id } }')
  expect(errors?.map(({ extensions }) => extensions['code'])).toEqual(expect.arrayContaining(['RATE_LIMITED']))
})

test('the exception that the option `exception` makes is the error', async () => {
  const { ask } = await served({
    limits: [fixedWindow({ name: 'minute', limit: 1, window: '1m' })],
    exception: (context, refusal) =>
      Object.assign(new RateLimitException(refusal), {
        extensions: { code: 'SLOW', on: context.getHandler().name, left: decisionOf(context)?.remaining },
      }),
  })
  await ask('{ left }')
  expect((await ask('{ left }')).errors?.[0]?.extensions).toEqual({ code: 'SLOW', on: 'left', left: 0 })
})

test('trap: a GraphQL context without `res`: limited by `key`, settled by the interceptor', async () => {
  const { app } = await served({
    key: () => 'all',
    limits: [fixedWindow({ name: 'minute', limit: 2, window: '1m' })],
    refundWhen: (_context, { value }) => value === true,
  })
  // A query without a request, as from a gateway or a test.
  const ask = (query: string): Promise<unknown> => app.getHttpAdapter().getInstance().graphql(query)
  expect(await ask('{ left }')).toEqual({ data: { left: 1 } })
  expect(await ask('mutation { login(email: "a") }')).toEqual({ data: { login: true } })
  expect((await app.get(RateLimiter).peek('all')).remaining, 'refunded').toBe(1)
  expect(await ask('{ left }')).toEqual({ data: { left: 0 } })
  await expect(ask('{ left }')).resolves.toMatchObject({ errors: [{ extensions: { code: 'RATE_LIMITED' } }] })
})

test('trap: a GraphQL context without `res` and without a key: an error, because the address is unknown', async () => {
  const { app } = await served({})
  const answer = app.getHttpAdapter().getInstance().graphql('{ left }')
  await expect(answer).resolves.toMatchObject({
    errors: [{ message: expect.stringMatching(/put the request into the GraphQL context as req; .*ERR_ADDRESS_UNKNOWN/) as string }],
  })
})
