import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { UseFilters, UseGuards } from '@nestjs/common'
import { WsAdapter } from '@nestjs/platform-ws'
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { fixedWindow, RateLimit, RateLimitGuard, RateLimitModule, type StoreEvent } from '../src/index.ts'
import { appOf, stoppedStore } from './app.ts'
import { SocketErrors } from './socket-errors.ts'

/** The answers to messages, one for each. */
async function answersTo(url: string, messages: readonly string[]): Promise<readonly string[]> {
  const socket = new WebSocket(url.replace('http', 'ws'))
  onTestFinished(() => socket.terminate())
  await once(socket, 'open')
  const answers: string[] = []
  socket.on('message', (message) => void answers.push((message as Buffer).toString()))
  for (const data of messages) socket.send(JSON.stringify({ event: 'echo', data }))
  await expect.poll(() => answers.length).toBe(messages.length)
  return answers
}

@WebSocketGateway()
@UseGuards(RateLimitGuard)
@UseFilters(SocketErrors)
class Echo {
  @SubscribeMessage('echo')
  echo(@MessageBody() text: string): object {
    if (text === 'fail') throw new Error('a secret')
    return { event: 'echo', data: text }
  }
}

test('newcomer 18: with the filter of docs/nestjs.md, each message over ws gets one answer', async () => {
  const limits = [fixedWindow({ name: 'minute', limit: 3, window: '1m' })]
  const imports = [RateLimitModule.forRoot({ limits, store: stoppedStore().store })]
  const { url } = await appOf(undefined, { imports, providers: [Echo] }, (app) => app.useWebSocketAdapter(new WsAdapter(app)))
  const answers = await answersTo(url, ['1', 'fail', '3', '4', '5'])
  const refused = {
    event: 'exception',
    data: {
      status: 'error',
      code: 'RATE_LIMITED',
      message: 'Limit "minute" allows 3 units per 60 seconds. Retry in 60 seconds.',
      retryAfter: 60,
    },
  }
  expect(answers.map((answer) => JSON.parse(answer) as object).toSorted(byText)).toEqual(
    [
      { event: 'echo', data: '1' },
      { event: 'echo', data: '3' },
      { event: 'exception', data: { message: 'Internal server error' } },
      refused,
      refused,
    ].toSorted(byText),
  )
})

test('newcomer 18: a gateway that APP_GUARD does not reach, below Nest 12, is reported', async () => {
  @WebSocketGateway()
  @UseFilters(SocketErrors)
  class Unguarded {
    @SubscribeMessage('echo')
    @RateLimit({ limit: 1, window: '1m' })
    echo(@MessageBody() text: string): object {
      return { event: 'echo', data: text }
    }
  }
  const warnings: StoreEvent[] = []
  const warning = (event: StoreEvent) => void warnings.push(event)
  const { url } = await appOf({ on: { warning } }, { providers: [Unguarded] }, (app) => app.useWebSocketAdapter(new WsAdapter(app)))
  const answers = await answersTo(url, ['1', '2'])
  const isLimited = answers.some((answer) => answer.includes('RATE_LIMITED'))
  expect(warnings.map((event) => 'code' in event && event.code)).toEqual(isLimited ? [] : ['WARN_GUARD_UNBOUND'])
})

test('newcomer 18: the filter of this test is that of the page', () => {
  const code = readFileSync(join(import.meta.dirname, 'socket-errors.ts'), 'utf8')
  expect(readFileSync(join(import.meta.dirname, '../../../docs/nestjs.md'), 'utf8')).toContain(code)
})

function byText(a: object, b: object): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1
}
