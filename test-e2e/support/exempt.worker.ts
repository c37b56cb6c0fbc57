// The worker of cloudflare-edge.test.ts: the same document under Hono and under fetch.
import { rateLimit as limited } from '@sluice/fetch'
import { rateLimit } from '@sluice/hono'
import { documentPolicies, parseDocument } from '@sluice/policies'
import { Hono } from 'hono'

const policies = documentPolicies(
  parseDocument(`
apiVersion: sluice/v1
namespace: shop
revision: 1
subjects: { address: { parts: [{ ip: true }] } }
exempt: [{ addresses: [203.0.113.0/24] }]
policies: [{ name: api, rules: [{ name: all, limits: [{ name: hour, algorithm: fixedWindow, window: 1h, limit: 1000, subject: address }] }] }]
`),
)
const warnings: string[] = []
const app = new Hono()
app.get('/warnings', (c) => c.json(warnings))
app.use(rateLimit({ policies }))
app.get('/hono', (c) => c.text('ok'))
app.onError((error, c) => c.text(error.message, 500))
const onFetch = limited(() => new Response('ok'), { policies, error: (_, { error }) => new Response(String(error), { status: 500 }) })
const warn = console.warn.bind(console)
console.warn = (text: string) => {
  warnings.push(text)
  warn(text)
}

export default {
  fetch: (request: Request, env: object, context: never): Response | Promise<Response> =>
    new URL(request.url).pathname === '/fetch' ? onFetch(request) : app.fetch(request, env, context),
}
