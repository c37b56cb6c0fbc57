import { fixedWindow, route } from '@sluice/core'
import type { Fixture, Mount, Route } from '../adapter.ts'
import type { HttpCase } from '../case.ts'
import { grouped } from './subjects.ts'

const one = fixedWindow({ name: 'minute', limit: 1, window: '1m' })
const byRoute = (fixture: Fixture): Mount => fixture.limits({ limits: [one], key: route() })
const routeOf = (path: string, use: readonly Mount[], under?: string, method?: string): Route => ({
  method,
  path,
  under,
  use,
  answer: () => ({ json: { ok: true } }),
})

/** Sends all spellings of each route under a limit of 1: only the first is admitted. A framework may not know a spelling. */
function spelled(name: string, routes: (use: readonly Mount[]) => readonly Route[], spellings: readonly (readonly string[])[]): HttpCase {
  return {
    name,
    requires: ['route pattern'],
    app: (fixture) => ({ routes: routes([byRoute(fixture)]) }),
    async run(t) {
      for (const paths of spellings) {
        const [first, ...others] = paths
        t.is((await t.get(first)).status, 200, first)
        const admitted: string[] = []
        for (const path of others) if ((await t.get(path)).status === 200) admitted.push(path)
        t.is(admitted, [])
        t.is((await t.get(first)).status, 429, first)
      }
    },
  }
}

/** `route()` has nothing of the text of a request. */
export const routeCases: readonly HttpCase[] = [
  spelled('key: route, by its pattern', (use) => [routeOf('/users/:id', use), routeOf('/teams/:id', use)], [
    ['/users/1', '/users/2', '/Users/3', '/users/4/', '/users/%31', '/users/5?a=1', '/%75sers/6', '//users/7', '/users/a%2Fb'],
    ['/teams/1', '/teams/2'],
  ]),
  spelled(
    'F01: route() in a mounted router: other spellings of the mount are one quota',
    (use) => [routeOf('/login', use, '/auth'), routeOf('/login', use, '/admin')],
    [
      ['/auth/login', '/Auth/login', '/aUth/LOGIN', '/auth/login/', '/%61uth/login', '/auth/log%69n', '/auth//login', '/auth/login?a=1'],
      ['/admin/login', '/ADMIN/login'],
    ],
  ),
  spelled(
    'F01: route() in a router that is mounted with a parameter: other values are one quota',
    (use) => [routeOf('/verify', use, '/recovery/:code'), routeOf('/:item', use, '/shops/:shop')],
    [
      ['/recovery/1000/verify', '/recovery/1001/verify', '/recovery/%31/verify', '/Recovery/2/Verify/', '/recovery/a%2Fb/verify'],
      ['/shops/1/a', '/shops/2/a', '/shops/1/b', '/SHOPS/3/c', '/shops/%20/d'],
    ],
  ),
  {
    name: 'F01: route() where no route matches, or is known yet: all paths are one quota',
    // Frameworks that match a route later warn of it.
    app: (fixture) => ({ use: [{ ...byRoute(fixture), on: { warning: () => undefined } }] }),
    async run(t) {
      const replies = []
      for (const path of ['/nowhere/1', '/nowhere/2', '/NoWhere', '/%6Eowhere', '/nowhere?a=1']) replies.push((await t.get(path)).status)
      t.is(replies, [404, 429, 429, 429, 429])
    },
  },
  {
    name: 'F01: route(): each method has its quota, and HEAD that of GET',
    requires: ['route pattern'],
    app(fixture) {
      const use = [byRoute(fixture)]
      return { parse: true, routes: [routeOf('/users/:id', use), routeOf('/users/:id', use, undefined, 'POST')] }
    },
    async run(t) {
      const { found, expected } = await grouped(
        (request) => t.send(request),
        [
          [
            { method: 'GET', path: '/users/1' },
            { method: 'HEAD', path: '/users/2' },
          ],
          [
            { method: 'POST', path: '/users/1', body: '{}' },
            { method: 'POST', path: '/users/2', body: '{}' },
          ],
        ],
      )
      t.is(found, expected)
    },
  },
]
