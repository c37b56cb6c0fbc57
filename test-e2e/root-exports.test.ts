import { expect, test } from 'vitest'

// newcomer 24: what adapters share is in `@sluice/core/adapter-kit`, and an editor does not offer it to applications.
const INTERNALS = [
  'awaitTurn',
  'clientHasLeft',
  'connectionAddress',
  'consumeAcross',
  'createPipeline',
  'derivedName',
  'followResponse',
  'hasLeft',
  'invalid',
  'isPromise',
  'knownOptions',
  'lowerCase',
  'proceed',
  'stack',
  'whenAborted',
  'whenBodyEnds',
  'withHeaders',
]

test.each([
  'core',
  'express',
  'koa',
  'hono',
  'nestjs',
  'fastify',
  'fetch',
  'cloudflare',
  'redis',
  'policies',
  'etcd',
  'regions',
  'blocklist',
  'telemetry',
  'cli',
])('newcomer 24: @sluice/%s exports no internals', async (name) => {
  const names = Object.keys((await import(`@sluice/${name}`)) as object)
  expect(names.filter((each) => INTERNALS.includes(each))).toEqual([])
})
