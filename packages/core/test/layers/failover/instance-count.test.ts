// How many instances share the limits.
import type { StoreEvent } from '@sluice/core'
import { expect, test } from 'vitest'
import { charge, consumeNow, flushPromises, HUNDRED, openBreaker, setUp, storeError } from './lab.ts'

const isOfCount = (event: StoreEvent): boolean => event.type === 'warning' && event.code !== 'WARN_STORE_AWAY'

test('warns once when the number is unknown', async () => {
  const at = setUp({})
  await openBreaker(at)
  for (let i = 0; i < 3; i++) consumeNow(at.store, charge('a'))
  expect(at.events.filter(isOfCount)).toEqual([
    {
      type: 'warning',
      code: 'WARN_INSTANCES_UNKNOWN',
      message:
        'the number of instances is unknown, so each instance will allow the full limit while redis is unreachable; set failover: { instances }',
    },
  ])
  const configured = setUp({ instances: 1 })
  await openBreaker(configured)
  expect(configured.events.filter(isOfCount)).toEqual([])
})

test('counts every 5 s, and keeps the last count while the store is away', async () => {
  let count = 4
  const heartbeats: number[] = []
  const at = setUp(
    {},
    {
      presence: {
        heartbeat: () => (heartbeats.push(count), count > 0 ? Promise.resolve(count) : Promise.reject(storeError({}))),
        leave: () => Promise.resolve(),
      },
    },
  )
  await flushPromises()
  expect(at.store.health?.().instances).toBe(4)
  count = 0
  at.clock.advance(5_000)
  await flushPromises()
  at.clock.advance(5_000)
  await flushPromises()
  expect(heartbeats).toEqual([4, 0, 0])
  await openBreaker(at)
  expect(consumeNow(at.store, charge('a', HUNDRED, 0))).toMatchObject({ remaining: 25 })
})
