// The app of runtimes.test.ts. It runs on every runtime, so it must not import from node:.
import { type Context, Hono } from 'hono'
import { timeout } from 'hono/timeout'
import type { UpgradeWebSocket } from 'hono/ws'
import { concurrency, fixedWindow, messageLimit, rateLimit, slidingWindow } from '../src/index.ts'

const subjectOf = (c: Context) => c.json(c.get('rateLimit')?.charges[0]?.subject)

export function runtimeApp(upgradeWebSocket: UpgradeWebSocket<any>): Hono {
  const app = new Hono().basePath('/own')
  app.get('/subject', rateLimit({ name: 'subject', trustProxy: 0 }), subjectOf)

  // A response whose headers are immutable on most runtimes.
  app.get('/redirect', rateLimit({ name: 'redirect' }), () => Response.redirect('https://sluice.test/', 302))

  const settled: string[] = []
  const settle = async (c: Context) => {
    await new Promise((resolve) => setTimeout(resolve, 50))
    settled.push(c.req.path)
    return 1
  }
  app.get('/late', rateLimit({ name: 'late', settle }), (c) => c.text('late'))
  app.get('/settled', (c) => c.json(settled))

  const busy = rateLimit({ name: 'busy', limits: [concurrency({ name: 'slots', limit: 1, ttl: '1h' })] })
  app.get('/slow', timeout(50), busy, async (c) => {
    await new Promise((resolve) => setTimeout(resolve, 300))
    return c.text('late')
  })
  app.get('/fast', busy, (c) => c.text('fast'))

  const handshakes = rateLimit({ name: 'handshakes', limits: [fixedWindow({ name: 'hour', limit: 2, window: '1h' })] })
  const messages = messageLimit({ limits: [slidingWindow({ name: 'messages', limit: 2, window: '1h' })], closeAfter: 2 })
  app.get(
    '/socket',
    handshakes,
    upgradeWebSocket(
      messages(() => ({
        onMessage: (event, ws) => ws.send(`heard ${event.data as string}`),
      })),
    ),
  )
  return app
}
