import { redisStore } from '@sluice/redis'
import { httpConformance } from '@sluice/testing'
import { startRedis, storePerCase } from '@sluice/testing/redis'
import { afterAll } from 'vitest'
import { nestAdapter } from './adapter.ts'

const server = await startRedis()
afterAll(() => server.stop())
const onRedis = { makeStore: storePerCase(server, redisStore) }

httpConformance('Nest 12, Express × memory', nestAdapter('express'))
httpConformance('Nest 12, Fastify × memory', nestAdapter('fastify'))
httpConformance('Nest 12, Express × Redis', nestAdapter('express'), onRedis)
httpConformance('Nest 12, Fastify × Redis', nestAdapter('fastify'), onRedis)
