// Programs of a user who has installed an adapter.

interface Adapter {
  /** From the module to what is imported from it. Used with `import` and with `require`. */
  readonly imports: Readonly<Record<string, string>>
  /** Prints `ok`. */
  readonly program: string
  /** Compiles as ESM and as CommonJS. */
  readonly types: string
}

export const ADAPTERS: Readonly<Record<string, Adapter>> = {
  koa: {
    imports: { '@sluice/koa': '{ rateLimit }', koa: 'Koa' },
    program: `
const app = new Koa()
app.use(rateLimit({ limit: 1, window: '1m' }))
app.use((ctx) => { ctx.body = { left: ctx.state.rateLimit.remaining } })
const server = app.listen(0, '127.0.0.1', async () => {
  const url = 'http://127.0.0.1:' + server.address().port
  const [one, two] = [await fetch(url), await fetch(url)]
  const got = [one.status, await one.text(), two.status, Number(two.headers.get('retry-after')) > 0, (await two.json()).status]
  console.log(String(got) === '200,{"left":0},429,true,429' ? 'ok' : got)
  server.closeAllConnections()
  server.close()
})
`,
    types: `
import { rateLimit } from '@sluice/koa'
import Koa from 'koa'

const app = new Koa()
app.use(rateLimit())
app.use(rateLimit({ limit: 5, window: '15m', key: (ctx) => ctx.get('x-api-key'), tier: (ctx) => ctx.state.rateLimit?.policy, tiers: {} }))
app.use((ctx) => { ctx.body = ctx.state.rateLimit?.remaining })
// @ts-expect-error: no text
app.use(rateLimit({ key: (ctx) => ctx.get }))
`,
  },
  fetch: {
    imports: { '@sluice/fetch': '{ createCheck, rateLimit }' },
    program: `
const address = () => '192.0.2.1'
const limited = rateLimit(() => new Response('hello'), { limit: 1, window: '1m', address })
const check = createCheck({ limit: 1, window: '1m', address })
const main = async () => {
  const got = []
  for (let i = 0; i < 2; i++) {
    const request = new Request('http://sluice.test')
    got.push((await limited(request)).status, (await check(request)).refusal?.headers.has('retry-after'))
  }
  console.log(String(got) === '200,,429,true' ? 'ok' : got)
}
main().catch((error) => { console.error(error); process.exitCode = 1 })
`,
    types: `
import { createCheck, decisionOf, rateLimit } from '@sluice/fetch'

export const handler: (request: Request, info: { ip: string }) => Promise<Response> = rateLimit(
  (request: Request, _info: { ip: string }) => Response.json(decisionOf(request)?.remaining),
  { limit: 5, window: '15m', key: (request) => request.headers.get('x-api-key') ?? undefined, address: (_request, { ip }) => ip },
)
export const checked = async (request: Request): Promise<Response> => {
  const { refusal, send } = await createCheck({ limit: 5 })(request)
  return refusal ?? send(new Response())
}
// @ts-expect-error: a Request has no address
rateLimit(() => new Response(), { key: (request) => request.ip })
`,
  },
  fastify: {
    imports: { '@sluice/fastify': '{ rateLimit }', fastify: 'fastify' },
    program: `
const app = fastify()
const main = async () => {
  await app.register(rateLimit, { limit: 1, window: '1m' })
  app.get('/', () => 'hello')
  const got = [(await app.inject('/')).statusCode, (await app.inject('/')).statusCode]
  await app.close()
  console.log(String(got) === '200,429' ? 'ok' : got)
}
main().catch((error) => { console.error(error); process.exitCode = 1 })
`,
    types: `
import { rateLimit } from '@sluice/fastify'
import fastify from 'fastify'

const app = fastify()
void app.register(rateLimit, { limit: 5, key: (request) => request.rateLimit?.policy })
app.get('/', { config: { rateLimit: { limit: 1 } } }, (request) => request.rateLimit?.remaining)
void app.rateLimit({ name: 'other' }).limiter.reset('a')
// @ts-expect-error: not a function of a request
void app.register(rateLimit, { key: 5 })
`,
  },
  hono: {
    imports: { '@sluice/hono': '{ rateLimit, route }', hono: '{ Hono }' },
    program: `
const app = new Hono()
app.use(rateLimit({ limit: 1, window: '1m', key: route() }))
app.get('/:id', (c) => c.json({ left: c.var.rateLimit.remaining }))
const main = async () => {
  const [one, two] = [await app.request('/1'), await app.request('/2')]
  const got = [one.status, await one.text(), two.status, Number(two.headers.get('retry-after')) > 0, (await two.json()).status]
  console.log(String(got) === '200,{"left":0},429,true,429' ? 'ok' : got)
}
main().catch((error) => { console.error(error); process.exitCode = 1 })
`,
    types: `
import { type Decision, messageLimit, rateLimit } from '@sluice/hono'
import { Hono } from 'hono'

interface AppEnv { Variables: { plan?: 'free' | 'premium' } }
const app = new Hono<AppEnv>()
app.use(rateLimit())
app.use(rateLimit<AppEnv>({ limit: 5, window: '15m', key: (c) => c.req.header('x-api-key'), tier: (c) => c.var.plan, tiers: {} }))
app.get('/', (c) => c.json(c.var.rateLimit?.remaining))
export const decided = messageLimit({ limit: 5 }).limiter.peek('ann') as Decision
// @ts-expect-error: no variable of the app
app.use(rateLimit<AppEnv>({ key: (c) => c.var.plam }))
`,
  },
  nestjs: {
    imports: { '@sluice/nestjs': '{ rateLimit, RateLimitModule }' },
    program: `
const got = [RateLimitModule.forRoot().module === RateLimitModule, typeof rateLimit({ limit: 1 }).canActivate]
console.log(String(got) === 'true,function' ? 'ok' : got)
`,
    types: `
import { RateLimit, RateLimitModule } from '@sluice/nestjs'

export const nest = RateLimitModule.forRoot({ limit: 5, window: '1m', key: (context) => context.getClass().name })
export const decorator: MethodDecorator = RateLimit({ limit: 5, window: '1m' })
// @ts-expect-error: no text
RateLimitModule.forRoot({ key: (context) => context.getClass() })
`,
  },
}
