// Compiled, never run: what the types promise to users of the package.
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { expectTypeOf } from 'vitest'
import {
  type Decision,
  type FastifyOptions,
  type FastifyRateLimit,
  fixedWindow,
  rateLimit,
  type RequestLimiter,
  slidingWindow,
  user,
} from '../src/index.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** As an authentication plugin declares it. */
    account: { readonly id: string; readonly plan: 'free' | 'premium' } | null
  }
}

const minute = slidingWindow({ name: 'minute', limit: 100, window: '1m' })
const day = fixedWindow({ name: 'day', limit: 1_000, window: 'day' })
const app = fastify()

// Every function option sees Fastify's request, with what the application has hung on it.
export const full: FastifyOptions = {
  tiers: { free: [minute], premium: [minute, day] },
  tier: (request) => request.account?.plan,
  key: (request) => request.account?.id,
  cost: async (request) => ({ minute: Number((request.query as { n?: string }).n) }),
  skip: (request) => request.url.startsWith('/health'),
  refundWhen: (request, { status, response: reply }) => status >= 400 && request.method === 'POST' && !reply.hasHeader('x-free'),
  settle: (_request, { response: reply }) => Number(reply.getHeader('x-used')),
  message: (request, { decision, status }) => `${status} ${request.ip}: ${decision.retryAfter}`,
  handler: (_request, { decision, status, response: reply }) => reply.code(status).send({ left: decision.remaining }),
  hook: 'preHandler',
  global: false,
}
export const keyed: FastifyOptions = {
  limits: [slidingWindow({ name: 'user', limit: 1, window: '1m', key: user((request: FastifyRequest) => request.account?.id) })],
}

// F21: a handler may return anything, also nothing.
export const handlers: readonly NonNullable<FastifyOptions['handler']>[] = [
  (_request, { response: reply }) => reply.redirect('/slow'),
  (_request, { response: reply }) => {
    reply.send('slow')
  },
  async (_request, { response: reply }) => {
    await Promise.resolve()
    reply.send('slow')
  },
  () => ({ slow: true }),
]

await app.register(rateLimit)
await app.register(rateLimit, full)
await app.register(rateLimit, { limit: 5, key: (request) => request.account?.id })
await app.register(rateLimit, {
  handler(request, { decision, response: reply }) {
    expectTypeOf(request).toEqualTypeOf<FastifyRequest>()
    expectTypeOf(decision).toEqualTypeOf<Decision>()
    expectTypeOf(reply).toEqualTypeOf<FastifyReply>()
  },
})

// Routes say what they are limited to, whatever their own types are.
app.get('/free', { config: { rateLimit: false } }, () => 'free')
app.get<{ Params: { id: string } }>('/users/:id', { config: { rateLimit: { limit: 5, window: '15m' } } }, (request) => request.params.id)
app.post<{ Body: { email: string } }>('/login', { onRequest: app.rateLimit(), preHandler: app.rateLimit({ limit: 5 }) }, (request) => {
  expectTypeOf(request.rateLimit).toEqualTypeOf<Decision | undefined>()
  return request.body.email
})
app.addHook('onRequest', app.rateLimit({ name: 'all' }))
app.setNotFoundHandler({ preHandler: app.rateLimit() }, (_request, reply) => reply.code(404).send())
expectTypeOf(app.rateLimit()).toEqualTypeOf<FastifyRateLimit>()
expectTypeOf(app.rateLimit().limiter).toEqualTypeOf<RequestLimiter<FastifyRequest>>()
// Newcomer 24: parts get Fastify's request.
app.rateLimit({ key: [user((request) => request.account?.id), (request) => request.account?.plan] })
// @ts-expect-error Not in Fastify's request.
app.rateLimit({ key: user((request) => request.nonsense) })

// @ts-expect-error An option of a peer.
export const theirs: FastifyOptions = { timeWindow: 60_000 }
// @ts-expect-error A hook that cannot refuse.
app.rateLimit({ hook: 'onResponse' })
// @ts-expect-error A number from the environment is text.
app.get('/text', { config: { rateLimit: { limit: '5' } } }, () => 'no')
// @ts-expect-error Fastify has no such property on its request.
app.rateLimit({ key: (request) => request.apiKey })
