import type { ExecutionContext } from '@nestjs/common'
import { expect, test } from 'vitest'
import { rateLimit, route } from '../src/index.ts'

/** As much of a context as the guard reads, for transports that need a broker. */
function contextOf(type: string, args: readonly unknown[]): ExecutionContext {
  return {
    getType: () => type,
    getArgs: () => args,
    getArgByIndex: (i: number) => args[i],
    getClass: () => ({ name: 'Orders' }),
    getHandler: () => function created() {},
  } as unknown as ExecutionContext
}

test.each<[string, string, readonly unknown[], string]>([
  [
    'RabbitMQ of @golevelup/nestjs-rabbitmq',
    'rmq',
    [{}],
    'a call of transport "rmq" that comes through a message broker has no client address: limit it by another key',
  ],
  ['a broker of Nest', 'rpc', [{}, {}], 'a call of transport "rpc" that comes through a message broker'],
  ['a socket that does not show its address', 'ws', [{}, {}], 'keep the request in the gateway: Object.assign(client, { request })'],
  ['a GraphQL context without the request', 'graphql', [{}, {}, {}, {}], 'put the request into the GraphQL context as req'],
  [
    'a server on a Unix socket',
    'http',
    [{ headers: {}, socket: {} }, {}],
    'behind a proxy on a Unix socket, set trustProxy to the number of proxies',
  ],
])('newcomer 16: the error of %s says what to do', async (_what, type, args, advice) => {
  const called = async () => rateLimit().canActivate(contextOf(type, args))
  await expect(called()).rejects.toThrow(`expected the client's address, got none; ${advice}`)
})

test('newcomer 16: calls of other transports are exempt with the skip of the message', async () => {
  const guard = rateLimit({ skip: (context) => context.getType() !== 'http' })
  expect(await guard.canActivate(contextOf('rmq', [{}]))).toBe(true)
})

test.each<[string, readonly unknown[], string]>([
  ['graphql', [{}, {}, { req: { method: 'POST', url: '/GraphQL', headers: {}, route: { path: '/graphql' } } }, {}], 'POST Orders.created'],
  ['rpc', [{}, {}], '* Orders.created'],
  ['ws', [{}, {}], '* Orders.created'],
])('F01: route() of a %s call is its class and method', async (type, args, expected) => {
  expect(await rateLimit({ key: route() }).limiter.subjectOf(contextOf(type, args))).toBe(expected)
})
