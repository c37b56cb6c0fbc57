// The service as one more adapter: a small client asks it about each request of an app, and applies the answer. The service decides by documents,
// so the cases of documents are its. Those are left out that need what only a library sees: the response, the functions of an application, a
// forwarded header that a gateway has not written.
import { redisStore } from '@sluice/redis'
import { httpConformance } from '@sluice/testing'
import { startRedis, storePerCase } from '@sluice/testing/redis'
import { afterAll } from 'vitest'
import { askingCheck, askingForwardAuth } from './clients.ts'
import { servedBy } from './served.ts'

const SUITABLE = new Set([
  'policies: headers, body and numbers are those of the document',
  'policies: a request that is exempt, or that no rule matches, has no headers',
  'policies: all policies make one decision, and a hidden limit is in no header',
  'policies: tiers and subjects come from attributes, and a missing subject is refused or skipped',
  'policies: a limit of 0 ends when its policy does',
  'policies: the wait of a limit of 0 that ends is what the block list hears',
  'policies: a policy in shadow counts apart, and refuses nothing',
])
const RELEASES = 'policies: concurrency is released when the response has ended'

const redis = await startRedis()
afterAll(() => redis.stop())

const check = { only: (name: string) => SUITABLE.has(name) || name === RELEASES }
const forward = { only: (name: string) => SUITABLE.has(name) }
const makeStore = storePerCase(redis, redisStore)

httpConformance('/v1/check × memory', servedBy(askingCheck), check)
httpConformance('/v1/check × Redis', servedBy(askingCheck), { ...check, makeStore })
httpConformance('/auth/forward × memory', servedBy(askingForwardAuth), forward)
httpConformance('/auth/forward × Redis', servedBy(askingForwardAuth), { ...forward, makeStore })
