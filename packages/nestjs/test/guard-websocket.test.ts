import { once } from 'node:events'
import { UseGuards, UseInterceptors } from '@nestjs/common'
import { ConnectedSocket, MessageBody, type OnGatewayConnection, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets'
import { WsAdapter } from '@nestjs/platform-ws'
import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import {
  concurrency,
  type Decision,
  fixedWindow,
  header,
  RateLimit,
  RateLimitDecision,
  RateLimiter,
  RateLimitGuard,
  RateLimitInterceptor,
  RateLimitModule,
  type RateLimitModuleOptions,
  SkipRateLimit,
} from '../src/index.ts'
import { appOf, stoppedStore } from './app.ts'

@WebSocketGateway()
@UseGuards(RateLimitGuard)
@UseInterceptors(RateLimitInterceptor)
class Chat implements OnGatewayConnection {
  handleConnection(client: object, request: unknown): void {
    Object.assign(client, { request })
  }
  @SubscribeMessage('say')
  say(@MessageBody() text: string, @ConnectedSocket() client: { rateLimit?: unknown }): object {
    return { event: 'said', data: `${text} ${client.rateLimit === undefined}` }
  }
  @SubscribeMessage('left')
  left(@RateLimitDecision() decision: Decision): object {
    return { event: 'left', data: decision.remaining }
  }
  @SubscribeMessage('shout')
  @RateLimit({ limit: 1, window: '1m' })
  shout(): object {
    return { event: 'shouted', data: '!' }
  }
  @SubscribeMessage('ping')
  @SkipRateLimit()
  ping(): object {
    return { event: 'pong', data: '' }
  }
}

const sockets: WebSocket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.terminate()
})
const minute = (limit: number) => fixedWindow({ name: 'minute', limit, window: '1m' })

async function served(options: RateLimitModuleOptions) {
  const { app, url } = await appOf(
    undefined,
    { imports: [RateLimitModule.forRoot({ store: stoppedStore().store, ...options })], providers: [Chat] },
    (app) => app.useWebSocketAdapter(new WsAdapter(app)),
  )
  const connect = async (headers: Record<string, string> = {}) => {
    const socket = new WebSocket(url.replace('http', 'ws'), { headers })
    sockets.push(socket)
    await once(socket, 'open')
    return async (event: string, data: unknown = {}): Promise<{ event: string; data: unknown }> => {
      const answer = once(socket, 'message')
      socket.send(JSON.stringify({ event, data }))
      const [message] = await answer
      return JSON.parse(String(message)) as { event: string; data: unknown }
    }
  }
  return { connect, limiter: app.get(RateLimiter) }
}

test('a refusal is an exception event with the wait; the connection stays open', async () => {
  const { connect } = await served({ limits: [minute(2)] })
  const send = await connect()
  expect(await send('say', 'hi')).toEqual({ event: 'said', data: 'hi true' })
  expect(await send('left')).toEqual({ event: 'left', data: 0 })
  const message = 'Limit "minute" allows 2 units per 60 seconds. Retry in 60 seconds.'
  expect(await send('say', 'hi')).toEqual({ event: 'exception', data: { status: 'error', code: 'RATE_LIMITED', message, retryAfter: 60 } })
  expect(await send('ping')).toEqual({ event: 'pong', data: '' })
})

test('a blocked address gets FORBIDDEN with `blockedStatus: 403`, and no handler is called', async () => {
  const { connect, limiter } = await served({ limits: [minute(2)], blockedStatus: 403 })
  const send = await connect()
  await limiter.block('127.0.0.1', '5m')
  const message = 'Requests are blocked for a time. Retry in 300 seconds.'
  expect(await send('say', 'hi')).toEqual({ event: 'exception', data: { status: 'error', code: 'FORBIDDEN', message, retryAfter: 300 } })
  await limiter.unblock('127.0.0.1')
  expect(await send('say', 'hi')).toEqual({ event: 'said', data: 'hi true' })
})

test('connections of one address share the limits; each event has its own limits', async () => {
  const { connect } = await served({ limits: [minute(3)] })
  const [ann, bob] = [await connect(), await connect()]
  expect((await ann('shout')).event).toBe('shouted')
  expect(await bob('shout')).toMatchObject({ event: 'exception', data: { message: expect.stringContaining('"Chat.shout"') as string } })
  expect([(await bob('say')).event, (await ann('say')).event, (await bob('say')).event]).toEqual(['said', 'said', 'exception'])
})

test('headers are those of the upgrade request, if the gateway keeps it', async () => {
  const { connect } = await served({ limits: [minute(1)], key: header('x-api-key'), trustProxy: 1 })
  const [a, b] = [await connect({ 'x-api-key': 'a' }), await connect({ 'x-api-key': 'b' })]
  expect([(await a('say')).event, (await b('say')).event, (await a('say')).event]).toEqual(['said', 'said', 'exception'])
  const [one, two] = [await connect({ 'x-forwarded-for': '1.1.1.1' }), await connect({ 'x-forwarded-for': '2.2.2.2' })]
  expect([(await one('say')).event, (await two('say')).event, (await one('say')).event]).toEqual(['said', 'said', 'exception'])
})

test('the interceptor releases concurrency, and settles by the answer', async () => {
  const { connect, limiter } = await served({
    limits: [minute(9), concurrency({ name: 'slots', limit: 1, ttl: '1m' })],
    cost: () => 3,
    settle: (_, { value }) => ((value as { event: string }).event === 'said' ? 1 : 3),
  })
  const send = await connect()
  for (const _ of [1, 2]) expect((await send('say')).event).toBe('said')
  expect((await limiter.peek('127.0.0.1', { cost: 0 })).outcomes.map((outcome) => outcome?.remaining)).toEqual([7, 1])
})
