// Without Lua on a cluster: each partition has a connection to the server of its slot, also after the slot has moved.
import { fixedWindow } from '@sluice/core'
import type { Charge, Clock, Outcome, Store } from '@sluice/core'
import { modelProperty, storeConformance } from '@sluice/testing'
import { type RedisCluster, startCluster } from '@sluice/testing/redis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { scanAfterEach, rawStore } from '../support.ts'

let cluster: RedisCluster
let stores = 0
beforeAll(async () => {
  cluster = await startCluster()
}, 60_000)
afterAll(() => cluster.stop())
scanAfterEach(() => cluster.client())

const make = (clock?: Clock, partitions = 4, prefix = `t${++stores}`): Store => {
  const nodes = cluster.nodes.map(({ host, port }) => ({ host, port }))
  return rawStore({ cluster: nodes }, { prefix, clock, scripting: false, partitions })
}

storeConformance('redisStore without scripts, a cluster', { make: (clock) => make(clock) })
// One partition, since the model does not hold for decisions across slots.
modelProperty('redisStore without scripts, a cluster', (clock) => make(clock, 1), { share: 0.1 })

const LIMIT = fixedWindow({ name: 'fixed', limit: 300, window: '1d', anchor: 'first' }).limit
const charge = (subject: string): Charge => ({ limit: LIMIT, scope: 'p+fixed.fixedWindow', subject, cost: 1 })

test('slots that move under load: every decision counts once, on old keys and new ones', async () => {
  const store = make()
  const other = make(undefined, 4, `t${stores}`)
  const client = cluster.client()
  try {
    // Keys that earlier tests left in the slots would move with them.
    await client.ping()
    await Promise.all(client.nodes('master').map((node) => node.flushall()))
    const admitted = new Map<string, number>()
    const take = async (subject: string, by = store): Promise<void> => {
      const [outcome] = (await by.consume([charge(subject)])) as Outcome[]
      if (outcome?.allowed) admitted.set(subject, (admitted.get(subject) ?? 0) + 1)
    }
    const old = Array.from({ length: 8 }, (_, i) => `old${i}`)
    await Promise.all(old.map((subject) => take(subject)))
    const keys = (await Promise.all(client.nodes('master').map((node) => node.keys(`t${stores}:*old*`)))).flat()
    const slots = [...new Set(await Promise.all(keys.map((key) => client.cluster('KEYSLOT', key))))]
    let fresh = 0
    const load = async (): Promise<void> => {
      // Both at once: after a lost race, a key that has not moved must not be read on the new server.
      const subjects = [...old, `new${fresh++}`, `new${fresh++}`]
      await Promise.all(subjects.flatMap((subject) => [take(subject), take(subject, other)]))
    }
    for (const slot of slots) {
      const from = await cluster.ownerOf(slot)
      await cluster.moveSlots(slot, from, (from + 1) % 3, { opened: load, moving: load, moved: load, emptied: load })
      await load()
    }
    for (const [subject, count] of admitted) {
      const [outcome] = (await store.consume([charge(subject)], { how: 'peek' })) as Outcome[]
      expect([subject, outcome?.remaining]).toEqual([subject, 300 - count])
    }
    expect(admitted.size).toBe(8 + fresh)
  } finally {
    await store.close?.()
    await other.close?.()
    client.disconnect()
  }
})
