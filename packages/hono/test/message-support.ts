import { upgradeWebSocket } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import type { WSEvents } from 'hono/ws'
import { messageLimit, type MessageLimitOptions } from '../src/index.ts'
import { connect } from './socket-client.ts'
import { urlOf } from './support.ts'

const echo: (c: Context) => WSEvents = () => ({ onMessage: (event, ws) => ws.send(event.data as string) })

/** Serves an app whose WebSockets are limited, and answer each message with its text unless `createEvents` says otherwise. */
export async function limitedSockets(options: MessageLimitOptions, createEvents = echo) {
  const app = new Hono()
  const limited = messageLimit(options)
  app.get('/', upgradeWebSocket(limited(createEvents)))
  const url = await urlOf(app)
  return { limiter: limited.limiter, open: async (headers?: Record<string, string>) => connect(url, headers) }
}
