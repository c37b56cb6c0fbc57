import { redisStore } from '@sluice/redis'
import { httpConformance } from '@sluice/testing'
import { startRedis, storePerCase } from '@sluice/testing/redis'
import { afterAll } from 'vitest'
import { fetchAdapter } from './adapter.ts'

const server = await startRedis()
afterAll(() => server.stop())

httpConformance('fetch × memory', fetchAdapter)
httpConformance('fetch × Redis', fetchAdapter, { makeStore: storePerCase(server, redisStore) })
