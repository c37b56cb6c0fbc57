import { redisStore } from '@sluice/redis'
import { httpConformance } from '@sluice/testing'
import { startRedis, storePerCase } from '@sluice/testing/redis'
import koa from 'koa'
import koa2 from 'koa2'
import { afterAll } from 'vitest'
import { koaAdapter } from './adapter.ts'

const server = await startRedis()
afterAll(() => server.stop())
const onRedis = { makeStore: storePerCase(server, redisStore) }

httpConformance('Koa 3 × memory', koaAdapter(koa))
httpConformance('Koa 2 × memory', koaAdapter(koa2))
httpConformance('Koa 3 × Redis', koaAdapter(koa), onRedis)
httpConformance('Koa 2 × Redis', koaAdapter(koa2), onRedis)
