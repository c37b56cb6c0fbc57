// What a block list hears of a request: who its client is, and which endpoint it asked for.
import { header, ip, type KeyOf, type LimitRule, type RequestBlockList, route, slidingWindow, user } from '@sluice/core'
import { createPipeline, type Host } from '@sluice/core/adapter-kit'
import { expect, test } from 'vitest'

interface Request {
  readonly user?: string
  readonly key?: string
  readonly target?: string
  readonly route?: string
}
const host: Host<Request> = {
  id: (request) => request,
  method: () => 'GET',
  address: () => '203.0.113.7',
  header: (request) => request.key,
  target: (request) => request.target ?? '/',
  route: (request) => request.route,
}
const byUser = user((request: Request) => request.user)

async function heard(request: Request, limits: readonly LimitRule<string, Request>[], key?: KeyOf<Request>) {
  const seen: { subjects?: unknown; identity?: unknown; authenticated?: unknown; endpoint?: unknown } = {}
  const blockList: RequestBlockList = {
    check(subjects) {
      seen.subjects = subjects
      return undefined
    },
    decided(_, { identity, authenticated, endpoint }) {
      Object.assign(seen, { identity, authenticated, endpoint })
    },
  }
  await createPipeline(host, { limits, key, blockList, on: { warning: () => undefined } })(request)
  return seen
}

const limit = (name: string, key?: KeyOf<Request>, most = 5) => slidingWindow({ name, limit: most, window: '1m', ...(key && { key }) })

test.each([
  ['an address', [limit('a')], undefined, {}, '203.0.113.7', undefined],
  ['a header that a stranger may write', [limit('a', header('x-api-key'))], undefined, { key: 'of-alice' }, ['of-alice'], undefined],
  ['a user', [limit('a')], byUser, { user: 'alice' }, 'alice', 'alice'],
  ['no user, whom the address replaces', [limit('a')], byUser, {}, '~ip:203.0.113.7', undefined],
  ['a user and a route', [limit('a')], [byUser, route()], { user: 'a:b', route: '/x' }, ['a\\:b:GET /x', 'a:b'], 'a:b'],
  ['a route and a user', [limit('a')], [route(), byUser], { user: 'alice', route: '/x' }, ['GET /x:alice', 'alice'], 'alice'],
  ['no user and a route', [limit('a')], [byUser, route()], { route: '/x' }, '~ip\\:203.0.113.7:GET /x', undefined],
  ['a user beside an address', [limit('a', ip()), limit('b', byUser)], undefined, { user: 'alice' }, ['203.0.113.7', 'alice'], 'alice'],
  [
    'a user beside a key',
    [limit('a', header('x-api-key')), limit('b', byUser)],
    undefined,
    { user: 'bob', key: 'of-alice' },
    ['of-alice', 'bob'],
    'bob',
  ],
  ['a user whose name looks like an address', [limit('a')], byUser, { user: '~ip:1.2.3.4' }, '~~ip:1.2.3.4', '~~ip:1.2.3.4'],
] as const)('%s', async (_, limits, key, request, subjects, identity) => {
  expect(await heard(request, limits, key)).toMatchObject({ subjects, identity, authenticated: identity !== undefined })
})

test.each([
  [{ route: '/users/:id', target: '/users/7?a=1' }, '/users/:id'],
  [{ target: '/users/7?a=1' }, '/users/7'],
  [{ route: '*', target: '/users/7' }, '/users/7'],
  [{}, '/'],
])('the endpoint of the refusal of %j is %s', async (request, endpoint) => {
  expect(await heard(request, [limit('a', undefined, 0)])).toMatchObject({ endpoint })
  expect(await heard(request, [limit('a')])).toMatchObject({ endpoint: undefined })
})
