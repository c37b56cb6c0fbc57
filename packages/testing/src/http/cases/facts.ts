import { type DecisionFacts, fixedWindow, type Observers } from '@sluice/core'
import { documentPolicies } from '@sluice/policies'
import type { Fixture, Mount, Route } from '../adapter.ts'
import type { HttpCase } from '../case.ts'
import { documentOf, MINUTE, one } from './policy-documents.ts'

const minute = fixedWindow({ name: 'minute', limit: 5, window: '1m' })

/** Observers of decisions that note their facts. */
function noting(fixture: Fixture, factsOf = textOf): Observers {
  return { ...fixture.observed().on, decision: ({ verdict }, facts) => fixture.note(`${verdict} ${factsOf(facts)}`) }
}

function textOf({ how, method, route, tenant, latency }: DecisionFacts): string {
  return [how, method, route, tenant, isTime(latency) ? 'measured' : latency].join(' ')
}

/** The clock of a Worker stands still while nothing is awaited. */
function isTime(latency: number): boolean {
  return latency >= 0 && latency < 60_000_000
}

/** A pattern of the framework itself for requests that match no route, such as Nest's. */
function isCatchAll(route: string): boolean {
  return route.includes('*') && !route.includes('secret')
}

function routeOf(path: string, mount: Mount, under?: string, method?: string): Route {
  return { path, under, method, use: [mount], answer: () => ({ json: { ok: true } }) }
}

/** What observers of decisions get beside each decision. */
export const factCases: readonly HttpCase[] = [
  {
    name: 'facts: the route is its pattern, and the method is that of the request',
    requires: ['route pattern'],
    app(fixture) {
      const mount = fixture.limits({ limits: [minute], on: noting(fixture) })
      return {
        parse: true,
        routes: [
          routeOf('/users/:id', mount),
          routeOf('/users/:id', mount, undefined, 'POST'),
          routeOf('/members/:id', mount, '/teams/:team'),
        ],
      }
    },
    async run(t) {
      for (const path of ['/users/secret', '/users/secret?token=secret', '/teams/secret/members/secret'])
        t.is((await t.get(path)).status, 200)
      t.is((await t.send({ method: 'POST', path: '/users/secret', body: '{}' })).status, 200)
      t.is((await t.send({ method: 'HEAD', path: '/users/secret' })).status, 200)
      t.is((await t.get('/users/secret')).status, 429)
      t.is((await t.log()).notes, [
        'allowed charge GET /users/:id  measured',
        'allowed charge GET /users/:id  measured',
        'allowed charge GET /teams/:team/members/:id  measured',
        'allowed charge POST /users/:id  measured',
        'allowed charge HEAD /users/:id  measured',
        'refused charge GET /users/:id  measured',
      ])
    },
  },
  {
    name: 'facts: the route of a limiter of the whole app is its pattern, or not known, and never a path',
    app(fixture) {
      const factsOf = ({ method, route = '*' }: DecisionFacts) => `${method} ${route === '/users/:id' || isCatchAll(route) ? '*' : route}`
      return {
        use: [fixture.limits({ limits: [minute], on: noting(fixture, factsOf) })],
        routes: [{ path: '/users/:id', answer: () => ({ json: { ok: true } }) }],
      }
    },
    async run(t) {
      t.is((await t.get('/users/secret')).status, 200)
      t.is((await t.get('/nowhere/secret')).status, 404)
      t.is((await t.log()).notes, ['allowed GET *', 'allowed GET *'])
    },
  },
  {
    name: 'facts: a call of the limiter by a request has those of the request, and one by a subject has none',
    app(fixture) {
      const factsOf = ({ how, method, route, latency }: DecisionFacts) =>
        [how, method, route === '/users/:id' ? undefined : route, isTime(latency)].join(' ')
      const skip = async (context: unknown): Promise<boolean> => {
        const limiter = fixture.limiterOf(mount)
        await limiter.consume(context)
        await limiter.penalize(context)
        await limiter.peek('127.0.0.1')
        await limiter.consume('127.0.0.1')
        return true
      }
      const mount = fixture.limits({ limits: [minute], skip, on: noting(fixture, factsOf) })
      return { routes: ['/users/:id', '/others/:id'].map((path) => routeOf(path, mount)) }
    },
    async run(t) {
      t.is((await t.get('/users/secret')).status, 200)
      t.is((await t.log()).notes, ['allowed charge GET  true', 'allowed force GET  true', 'allowed peek   true', 'allowed charge   true'])
    },
  },
  {
    name: 'facts: the tenant is an attribute of the request, with policies; those in shadow have it too',
    app(fixture) {
      const { store } = fixture.observed()
      const factsOf = ({ how, method, route = '*', tenant, latency }: DecisionFacts) =>
        [how, method, route === '/users/:id' ? '*' : route, tenant, isTime(latency)].join(' ')
      const text = `policies:
  - { name: all, rules: [{ name: any, limits: [{ ${MINUTE}, limit: 2, subject: address }] }] }
  - { name: trial, mode: shadow, rules: [{ name: any, limits: [{ ${MINUTE}, limit: 1, subject: address }] }] }`
      const policies = documentPolicies(documentOf(text), { store, clock: fixture.clock, on: noting(fixture, factsOf) })
      const attributes = (context: unknown) => {
        const tenant = fixture.read.header(context, 'x-tenant')
        return { tenant: tenant === '42' ? 42 : tenant === 'none' ? {} : tenant }
      }
      return { use: [{ policies, attributes }], routes: [{ path: '/users/:id', answer: () => ({ json: { ok: true } }) }] }
    },
    async run(t) {
      const from = (tenant: string) => t.get('/users/secret', ['X-Tenant', tenant])
      t.is((await from('acme')).status, 200)
      t.is((await from('42')).status, 200)
      t.is((await from('none')).status, 429)
      await t.until(async () => (await t.log()).notes.length === 5)
      t.is((await t.log()).notes.toSorted(), [
        'allowed charge GET * 42 true',
        'allowed charge GET * acme true',
        'allowed charge GET * acme true',
        'refused charge GET *  true',
        'refused charge GET * 42 true',
      ])
    },
  },
  {
    name: 'facts: policies decide data with its method, its route and its tenant',
    app(fixture) {
      const { store } = fixture.observed()
      const text = one(`${MINUTE}, limit: 5, subject: address`)
      const policies = documentPolicies(documentOf(text), { store, clock: fixture.clock, on: noting(fixture) })
      const request = { ip: '203.0.113.7', path: '/jobs/secret', attributes: { tenant: 'acme' } }
      const answer = async () => {
        await policies.check(request)
        await policies.check({ ...request, method: 'POST', route: '/jobs/:id' })
        return { json: { ok: true } }
      }
      return { routes: [{ path: '/check', answer }] }
    },
    async run(t) {
      t.is((await t.get('/check')).status, 200)
      t.is((await t.log()).notes, ['allowed charge GET  acme measured', 'allowed charge POST /jobs/:id acme measured'])
    },
  },
]
