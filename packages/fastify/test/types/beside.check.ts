// A program of its own, in which @fastify/rate-limit declares the names that this package declares as well: its types win.
import { createHook, rateLimit } from '@sluice/fastify'
import theirs from '@fastify/rate-limit'
import fastify from 'fastify'

export async function program(): Promise<void> {
  const app = fastify()
  await app.register(theirs, { max: 5, timeWindow: '1 minute' })
  await app.register(rateLimit, { decorator: 'sluice', configKey: 'sluice', mode: 'shadow' })
  app.addHook('onRequest', createHook({ mode: 'shadow' }))
  app.get('/', { config: { rateLimit: { max: 5 } } }, (request) => ({ left: request.rateLimit?.remaining }))
  app.get('/hook', { preHandler: app.rateLimit({ max: 5 }), onRequest: [createHook({ name: 'hook' })] }, () => 'ok')
  app.setNotFoundHandler({ preHandler: app.rateLimit() }, () => 'nowhere')
}
