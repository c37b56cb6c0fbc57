import type { AddressInfo } from 'node:net'
import fastifyRateLimit from '@fastify/rate-limit'
import { rateLimit } from '@sluice/fastify'
import fastify, { type FastifyInstance } from 'fastify'
import { connect } from '../peers.ts'
import { type Backing, BODY, BY_HAND, HOST, LIMIT, type Setup, type Serve, WINDOW, WINDOW_MS } from './setup.ts'

export const serve: Serve = async (setup, backing) => {
  const app = fastify()
  await inFront(app, setup, backing)
  app.get('/', (_, reply) => reply.type('application/json').send(BODY))
  await app.listen({ port: 0, host: HOST })
  return (app.server.address() as AddressInfo).port
}

async function inFront(app: FastifyInstance, setup: Setup, { store, url }: Backing): Promise<void> {
  switch (setup) {
    case 'bare':
      return
    case 'by hand':
      app.addHook('onRequest', (_, reply, done) => {
        for (const [name, value] of BY_HAND) reply.header(name, value)
        done()
      })
      return
    case 'sluice':
      await app.register(rateLimit, { limit: LIMIT, window: WINDOW, store })
      return
    case 'sluice as the peer':
      await app.register(rateLimit, { limit: LIMIT, window: WINDOW, store, standard: false, legacy: 'delta' })
      return
    case 'peer':
      await app.register(fastifyRateLimit, {
        max: LIMIT,
        timeWindow: WINDOW_MS,
        ...(url === undefined ? {} : { redis: connect(url) }),
      })
  }
}
