import { redisStore } from '@sluice/redis'
import { httpConformance } from '@sluice/testing'
import { startRedis, storePerCase } from '@sluice/testing/redis'
import { afterAll } from 'vitest'
import { fastifyAdapter } from './adapter.ts'

const server = await startRedis()
afterAll(() => server.stop())

httpConformance('Fastify 5 × memory', fastifyAdapter)
httpConformance('Fastify 5 × Redis', fastifyAdapter, { makeStore: storePerCase(server, redisStore) })
