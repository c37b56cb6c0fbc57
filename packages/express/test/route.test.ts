import express5, { type RequestHandler } from 'express'
import express4 from 'express4'
import supertest from 'supertest'
import { describe, expect, test } from 'vitest'
import { rateLimit, route } from '../src/index.ts'

/** A limiter that keeps the subjects of its requests. */
function recorder(): { readonly limit: RequestHandler; readonly subjects: readonly (string | undefined)[] } {
  const subjects: (string | undefined)[] = []
  const limited = rateLimit({
    key: route(),
    on: { warning: () => undefined, decision: ({ charges }) => void subjects.push(charges[0]?.subject) },
  })
  return { limit: limited, subjects }
}
const ok: RequestHandler = (_req, res) => void res.send('ok')

describe.each([
  ['Express 5', express5, '/files/*rest'],
  ['Express 4', express4, '/files/*'],
])('F01: route() on %s', (_, express, wildcard) => {
  async function subjectsOf(mount: (app: ReturnType<typeof express>, limit: RequestHandler) => void, paths: readonly string[]) {
    const { limit, subjects } = recorder()
    const app = express()
    mount(app, limit)
    for (const path of paths) await supertest(app).get(path).expect(200)
    expect(subjects).toHaveLength(paths.length)
    return [...new Set(subjects)]
  }

  test('a mounted router', async () => {
    const found = await subjectsOf(
      (app, limit) => app.use('/auth', express.Router().get('/login', limit, ok)),
      ['/auth/login', '/Auth/login', '/aUTH/LOGIN', '/auth/login/'],
    )
    expect(found).toEqual(['GET /auth/login'])
  })
  test('a router with a parameter, in a router, which does not merge parameters', async () => {
    const codes = (limit: RequestHandler) => express.Router().get('/verify/:how', limit, ok)
    const found = await subjectsOf(
      (app, limit) => app.use('/api', express.Router().use('/recovery/:code', codes(limit))),
      ['/api/recovery/1/verify/a', '/API/recovery/2/verify/b', '/api/recovery/%31/verify/%2F'],
    )
    expect(found).toEqual(['GET /api/recovery/:code/verify/:how'])
  })
  test('an application in an application', async () => {
    const found = await subjectsOf(
      (app, limit) => app.use('/admin/:tenant', express().use('/inner', express.Router().get('/x', limit, ok))),
      ['/admin/1/inner/x', '/Admin/2/Inner/X'],
    )
    expect(found).toEqual(['GET /admin/:tenant/inner/x'])
  })
  test('a wildcard, and an expression', async () => {
    expect(await subjectsOf((app, limit) => app.get(wildcard, limit, ok), ['/files/a', '/files/b/c', '/Files/d'])).toEqual([
      `GET ${wildcard}`,
    ])
    const found = await subjectsOf((app, limit) => app.use(/\/v\d+/, express.Router().get('/x', limit, ok)), ['/v1/x', '/v2/x'])
    expect(found).toHaveLength(1)
  })
  test('a router that a function calls', async () => {
    const found = await subjectsOf(
      (app, limit) => {
        const router = express.Router().get('/x', limit, ok)
        app.use('/:any', (req, res, next) => router(req, res, next))
      },
      ['/a/x', '/b/x'],
    )
    expect(found).toEqual(['GET */x'])
  })
  test('before a route is matched, with one warning', async () => {
    const warnings: string[] = []
    const app = express()
    app.use(rateLimit({ key: route(), on: { warning: (event) => void warnings.push('code' in event ? event.code : '') } }))
    app.get('/a', ok).get('/b', ok)
    for (const path of ['/a', '/b', '/c']) await supertest(app).get(path)
    expect(warnings).toEqual(['WARN_ROUTE_UNKNOWN'])
  })
})
