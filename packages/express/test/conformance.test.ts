import { setImmediate as turn } from 'node:timers/promises'
import { type BlockChange, type Clock, memoryStore, type Store } from '../src/index.ts'
import { redisStore } from '@sluice/redis'
import { httpConformance } from '@sluice/testing'
import { startRedis, storePerCase } from '@sluice/testing/redis'
import express from 'express'
import express4 from 'express4'
import { afterAll } from 'vitest'
import { expressAdapter } from './adapter.ts'

const server = await startRedis()
afterAll(() => server.stop())
const onRedis = { makeStore: storePerCase(server, redisStore) }

httpConformance('Express 5 × memory', expressAdapter(express))
httpConformance('Express 4 × memory', expressAdapter(express4))
httpConformance('Express 5 × Redis', expressAdapter(express), onRedis)
httpConformance('Express 4 × Redis', expressAdapter(express4), onRedis)
httpConformance('Express 5 × later', expressAdapter(express), { makeStore: answeringLater })

/** Answers in another turn of the event loop, as a store on the network does. */
function answeringLater(clock: Clock): Store {
  const store = memoryStore({ clock })
  return {
    name: 'later',
    async consume(charges, options) {
      await turn()
      return store.consume(charges, options)
    },
    async reset(targets) {
      await turn()
      await store.reset(targets)
    },
    async block(targets, ms) {
      await turn()
      return store.block?.(targets, ms) as BlockChange
    },
    async resetAll(limiter) {
      await turn()
      await store.resetAll?.(limiter)
    },
    generationOf: (limiter) => store.generationOf?.(limiter) ?? '',
    subscribe: (listener) => store.subscribe?.(listener) ?? (() => undefined),
  }
}
