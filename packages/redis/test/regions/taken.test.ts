// The second entry of a bucket: units that this region took, written by the command that decides. The same as takenAfter of @sluice/regions.
import { type Charge, type ConsumeOptions, fixedWindow, leakyBucket, type Limit, type Outcome, tokenBucket } from '@sluice/core'
import { redisStore } from '@sluice/redis'
import { regions } from '@sluice/regions'
import { type Taken, takenAfter } from '@sluice/regions/store-kit'
import { Random } from '@sluice/testing/regions'
import { startRedis } from '@sluice/testing/redis'
import { beforeAll, expect, test } from 'vitest'
import { Keys, type Placement } from '../../src/keys.ts'
import { EntryList } from '../../src/state/entries.ts'
import { rawStore } from '../support.ts'

const KEEP = 15_000
const transport = { publish: async () => undefined, subscribe: async () => async () => undefined }
const described = regions({ self: 'eu', all: ['eu', 'us'], transport, interval: 1_000, keep: KEEP })
const LIMITS: readonly Limit[] = [
  tokenBucket({ name: 'token', limit: 7, window: '20s', burst: 9, debt: 5 }).limit,
  leakyBucket({ name: 'leaky', limit: 10, window: '1m' }).limit,
  fixedWindow({ name: 'fixed', limit: 1_000, window: '1h' }).limit,
]
const HISTORIES = process.env['SLUICE_FAULTS'] === 'full' ? 500 : 25
let server: Awaited<ReturnType<typeof startRedis>>

beforeAll(async () => {
  server = await startRedis()
  return () => server.stop()
})

const chargeOf = (limit: Limit, subject: string, cost: number): Charge => ({
  limit,
  scope: `api+${limit.name}.${limit.algorithm}`,
  subject,
  cost,
})

test(`${HISTORIES} random histories of 60 decisions`, { timeout: 900_000 }, async () => {
  const client = server.client()
  const keys = new Keys('sluice', 16, undefined, described)
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const random = new Random(seed)
    let now = 1_767_225_600_000_000 + random.int(0, 60_000_000)
    const store = rawStore(client, { clock: { now: () => now / 1000 }, regions: described })
    const subject = `${seed}`
    const expected = new Map<Limit, Taken | undefined>()
    const receipts: { readonly charge: Charge; readonly outcome: Outcome }[] = []
    for (let i = 0; i < 60; i++) {
      now += random.pick([0, 1_000, 300_000, 4_000_000, 40_000_000])
      const limits = LIMITS.filter(() => random.chance(0.6))
      if (limits.length === 0) continue
      const [charges, how] = decisionOf(random, limits, subject, receipts)
      const before = await Promise.all(charges.map(async (charge) => (await entries(keys, charge)).bucket))
      const outcomes = await store.consume(charges, how)
      for (const [j, outcome] of outcomes.entries()) {
        const charge = charges[j] as Charge
        if (outcome === undefined || how.how === 'peek') continue
        if (outcome.receipt !== undefined) receipts.push({ charge, outcome })
        const isTaken = outcomes.every((each) => each?.allowed === true)
        if (!isTaken || charge.limit.algorithm === 'fixedWindow') continue
        const { bucket } = await entries(keys, charge)
        // Credits that are less than a unit change the bucket as well.
        if (outcome.granted === 0 && String(bucket) === String(before[j])) continue
        expected.set(charge.limit, takenAfter(expected.get(charge.limit), outcome.granted, Math.max(bucket?.[0] ?? 0, now), KEEP, now))
      }
      for (const limit of LIMITS.slice(0, 2)) {
        const { taken } = await entries(keys, chargeOf(limit, subject, 0))
        const known = expected.get(limit)
        // An entry that has ended is left out when the value is written.
        const isOver = known === undefined || known[0] < now
        expect(isOver && (taken?.[0] ?? 0) < now ? undefined : taken, `seed ${seed}, decision ${i}, ${limit.name}`).toEqual(
          isOver ? undefined : known,
        )
      }
    }
    await store.close?.()
  }
  async function entries(of: Keys, one: Charge): Promise<{ readonly bucket: Taken | undefined; readonly taken: Taken | undefined }> {
    const placement: Placement = of.placementOf(one)
    const list = new EntryList(await client.getBuffer(of.valueKeyOf(placement, one.subject)))
    return { bucket: list.get(placement.id), taken: list.get(placement.taken?.id ?? -1) }
  }
})

/** Charges of every kind: alone and together, forced, in part, leased, given back with a receipt and without. */
function decisionOf(
  random: Random,
  limits: readonly Limit[],
  subject: string,
  receipts: { readonly charge: Charge; readonly outcome: Outcome }[],
): readonly [readonly Charge[], ConsumeOptions] {
  const dice = random.next()
  const charges = (most: number): readonly Charge[] => limits.map((limit) => chargeOf(limit, subject, random.int(1, most)))
  if (dice < 0.4) return [charges(4), {}]
  if (dice < 0.5) return [charges(30), { how: 'force' }]
  if (dice < 0.6) return [charges(12), { atLeast: 1 }]
  if (dice < 0.7) return [charges(6), { atLeast: 1, lease: { ttl: 10_000, ceiling: 8 } }]
  if (dice < 0.75) return [charges(4), { how: 'peek' }]
  if (dice < 0.85) return [limits.map((limit) => chargeOf(limit, subject, -random.int(0, 4))), { how: 'credit' }]
  const taken = receipts.splice(random.int(0, Math.max(0, receipts.length - 1)), 1)
  if (taken.length === 0) return [charges(2), {}]
  return [taken.map(({ charge, outcome }) => ({ ...charge, cost: -outcome.granted, receipt: outcome.receipt })), {}]
}

test('a bucket of a policy with mode `local`, and of a store without regions, has no second entry', async () => {
  const client = server.client()
  await client.flushall()
  const local = regions({ self: 'eu', all: ['eu', 'us'], transport, mode: 'local' })
  const [token] = LIMITS as [Limit]
  for (const options of [{}, { regions: local }]) {
    const store = redisStore(client, options)
    await store.consume([chargeOf(token, 'user:1', 1)])
    const value = await client.getBuffer(new Keys('sluice', 16).keyOf(chargeOf(token, 'user:1', 1)))
    expect(value?.length).toBe(28)
    await store.close?.()
  }
})
