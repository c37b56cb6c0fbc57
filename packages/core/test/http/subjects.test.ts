import { setImmediate as turn } from 'node:timers/promises'
import { createLimiter, slidingWindow } from '@sluice/core'
import { createPipeline, type Host } from '@sluice/core/adapter-kit'
import { expect, test } from 'vitest'

const host: Host<object> = { id: (request) => request, method: () => 'GET', address: () => '192.0.2.1', header: () => undefined }

// A rejection that nobody handles ends a Node process, and a client may cause both faults with one request.
test('a key that rejects, and a later key that throws, are one error of the request', async () => {
  const unhandled: unknown[] = []
  const listener = (reason: unknown): void => void unhandled.push(reason)
  process.on('unhandledRejection', listener)
  try {
    const decide = createPipeline(host, {
      limits: [
        slidingWindow({ name: 'a', limit: 1, window: '1m', key: () => Promise.reject(new Error('of a promise')) }),
        slidingWindow({
          name: 'b',
          limit: 1,
          window: '1m',
          key: () => {
            throw new Error('at once')
          },
        }),
      ],
    })
    expect(() => decide({})).toThrow('at once')
    // Node reports an unhandled rejection before the next turn.
    await turn()
    expect(unhandled).toEqual([])
  } finally {
    process.off('unhandledRejection', listener)
  }
})

test('a list with a hole is refused, as a key and as limits', () => {
  const hole: never[] = []
  hole.length = 1
  expect(() => createPipeline(host, { key: hole })).toThrow('key[0]: expected a part such as ip()')
  expect(() => createLimiter({ limits: hole })).toThrow('limits[0]: expected a limit made by a factory')
  expect(() => createLimiter({ tiers: { free: hole } })).toThrow('tiers.free[0]: expected a limit made by a factory')
})
