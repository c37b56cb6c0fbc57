import { durableObjectStore, withLayers } from '@sluice/cloudflare'
import { expect, test } from 'vitest'
import { answering, throwing } from './fake-namespace.ts'
import { charge } from './lab.ts'

const waitUntil = (): void => undefined
const store = durableObjectStore(answering(200, '[]'))

test.each([
  ['waitUntil', 'ERR_OPTION_INVALID', {}],
  ['waitUntil', 'ERR_OPTION_INVALID', { waitUntil: 'ctx' }],
  ['deadline', 'ERR_OPTION_INVALID', { waitUntil, failover: { deadline: 0 } }],
  ['leases', 'ERR_OPTION_INVALID', { waitUntil, leases: 'yes' }],
  ['denyCache', 'ERR_OPTION_INVALID', { waitUntil, denyCache: [] }],
  ['an options object', 'ERR_OPTION_INVALID', undefined],
  ['"lease" is not an option; use leases', 'ERR_OPTION_UNKNOWN', { waitUntil, lease: true }],
])('an invalid option is refused: %s (%s)', (expected, code, options) => {
  expect(() => withLayers(store, options as never)).toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(expected) as string }),
  )
})

test('failover is on by default, as is the deny cache; leases are off', async () => {
  const away = withLayers(durableObjectStore(throwing('Network connection lost.')), { waitUntil, failover: { instances: 2 } })
  expect(await away.consume([charge('a')])).toMatchObject([{ source: 'local', remaining: 4 }])
  const bare = withLayers(durableObjectStore(throwing('Network connection lost.')), { waitUntil, failover: false })
  await expect(bare.consume([charge('a')])).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
})
