// Compiled, never run: what the types promise to users of the package.
import { expectTypeOf } from 'vitest'
import { createCheck, type Decision, decisionOf, fixedWindow, rateLimit, type RequestLimiter, slidingWindow, user } from '../src/index.ts'

interface Info {
  readonly remoteAddr: { readonly hostname: string }
}
interface Authenticated extends Request {
  readonly account?: { readonly id: string; readonly plan: string }
}
const minute = slidingWindow({ name: 'minute', limit: 100, window: '1m' })
const day = fixedWindow({ name: 'day', limit: 1_000, window: 'day' })
const ok = () => new Response('ok')

// Every function option sees the handler's own kind of request; `address` and `error` see what comes beside it too.
const full = rateLimit(async (request: Authenticated, info: Info) => Response.json([request.account, info.remoteAddr.hostname]), {
  tiers: { free: [minute], premium: [minute, day] },
  tier: (request) => request.account?.plan,
  key: (request) => request.account?.id,
  cost: async (request) => ({ minute: Number(new URL(request.url).searchParams.get('n')) }),
  skip: (request) => request.method === 'OPTIONS',
  refundWhen: (request, { status, response }) => status >= 400 && request.method === 'POST' && response.redirected,
  settle: (_request, { response }) => Number(response.headers.get('x-used')),
  message: (request, { decision, status }) => `${status} ${request.url}: ${decision.retryAfter}`,
  handler: (request, { decision, status }) => Response.json({ url: request.url, left: decision.remaining }, { status }),
  address: (_request, info) => info.remoteAddr.hostname,
  error: (request, { error }, info) => new Response(`${String(error)} ${request.url} ${info.remoteAddr.hostname}`, { status: 500 }),
})
expectTypeOf(full.limiter).toEqualTypeOf<RequestLimiter<Authenticated>>()
expectTypeOf(full).parameters.toEqualTypeOf<[Authenticated, Info]>()
expectTypeOf(full).returns.toEqualTypeOf<Promise<Response>>()

// A handler for any runtime, without annotations.
export const plain: (request: Request) => Promise<Response> = rateLimit((request) => new Response(request.url))
// Newcomer 24: parts get the request.
createCheck({ key: [user((request) => request.headers.get('x-user') ?? undefined), (request) => request.url] })
const typed = (request: Authenticated) => new Response(request.url)
rateLimit(typed, { key: [user((request) => request.account?.id), (request) => request.account?.plan] })
// @ts-expect-error Not in the handler's request.
rateLimit(typed, { key: user((request) => request.ip) })
rateLimit(ok, { limits: [slidingWindow({ name: 'user', limit: 1, window: '1m', key: user((request: Request) => request.url) })] })

export const checked = async (request: Request): Promise<Response> => {
  const check = createCheck({ key: (each) => each.headers.get('x-api-key') ?? undefined })
  const { refusal, send, decision } = await check(request)
  expectTypeOf(decision).toEqualTypeOf<Decision | undefined>()
  expectTypeOf(decisionOf(request)).toEqualTypeOf<Decision | undefined>()
  return refusal ?? send(ok())
}

// @ts-expect-error A handler comes first.
rateLimit({ limit: 1 })
// @ts-expect-error An option of a peer.
rateLimit(ok, { windowMs: 60_000 })
// @ts-expect-error A misspelt option.
rateLimit(ok, { limmit: 1 })
// @ts-expect-error A number from the environment is text.
rateLimit(ok, { limit: '100' })
// @ts-expect-error A Request has no address.
rateLimit(ok, { key: (request) => request.ip })
// @ts-expect-error A handler answers with a Response.
rateLimit(() => 'ok')
// @ts-expect-error Nothing can be caught there.
createCheck({ error: ok })

// newcomer 7: the names of a cost are those of the limits.
const named = [slidingWindow({ name: 'minute', limit: 1, window: '1m' })] as const
rateLimit(() => new Response('ok'), { limits: named, cost: () => ({ minute: 4 }) })
// @ts-expect-error: no limit has this name
rateLimit(() => new Response('ok'), { limits: named, cost: () => ({ minut: 4 }) })
