// Stores of three regions on real servers, one of them a Cluster, one packed: in the end all regions count the same, each unit once. Messages are
// doubled, late, in any order, and replayed from the beginning. Oracle: the sum of what the stores granted and took back.
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Charge,
  type ConsumeOptions,
  fixedWindow,
  leakyBucket,
  type Limit,
  type Outcome,
  slidingWindow,
  type Store,
} from '@sluice/core'
import { tokenBucket } from '@sluice/core'
import type { RedisSource, RedisStoreOptions } from '@sluice/redis'
import { regions, type RegionTransport } from '@sluice/regions'
import { Random } from '@sluice/testing/regions'
import { startCluster, startRedis, waitUntil } from '@sluice/testing/redis'
import { expect, onTestFinished, test } from 'vitest'
import { rawStore, take } from '../support.ts'

const HISTORIES = process.env['SLUICE_FAULTS'] === 'full' ? 40 : 3
const STEPS = 120
const ALL = ['eu', 'us', 'ap']
/** ms by which the clock of each region differs. */
const SKEW: Readonly<Record<string, number>> = { eu: 0, us: 400, ap: -400 }
// No window ends during a test, and no bucket gets a unit back: windows of 10 days for 1,000 units.
const NOON = Date.parse('2026-03-04T12:15:00Z')
const STARTED = Date.now()
const LIMITS: readonly Limit[] = [
  fixedWindow({ name: 'fixed', limit: 150, window: '1d' }).limit,
  slidingWindow({ name: 'sliding', limit: 1_000, window: '10d' }).limit,
  tokenBucket({ name: 'token', limit: 1_000, window: '10d' }).limit,
  leakyBucket({ name: 'leaky', limit: 1_000, window: '10d' }).limit,
]
const SUBJECTS = ['user:1', 'user:2', 'user:3', 'user:4', 'user:5', 'user:6']
/** Units of each subject that are never given back: a bucket that becomes full forgets the part of a unit. */
const BASE = 20

type Apply = (body: Uint8Array) => Promise<void>

/** A network that doubles, delays and mixes messages, and remembers all of them. */
class Network {
  private readonly random: Random
  private readonly handlers = new Map<string, Apply>()
  private readonly sent: { readonly from: string; readonly body: Uint8Array }[] = []
  private readonly under = new Set<Promise<void>>()

  constructor(random: Random) {
    this.random = random
  }

  of(self: string): RegionTransport {
    return {
      publish: async (messages) => {
        for (const { body } of messages) {
          this.sent.push({ from: self, body })
          this.send(self, body)
        }
      },
      subscribe: async (region, apply) => {
        this.handlers.set(region, apply)
        return async () => void this.handlers.delete(region)
      },
    }
  }

  /** Sends every message again, in any order. Resolves when all have been applied. */
  async replay(): Promise<void> {
    const all = this.sent.map((message) => [this.random.next(), message] as const).toSorted(([a], [b]) => a - b)
    for (const [, { from, body }] of all) this.send(from, body)
    while (this.under.size > 0) await Promise.all(this.under)
  }

  private send(from: string, body: Uint8Array): void {
    for (const region of ALL) {
      if (region === from) continue
      for (let copies = this.random.chance(0.3) ? 2 : 1; copies > 0; copies--) this.deliver(region, body, this.random.int(0, 150))
    }
  }

  private deliver(region: string, body: Uint8Array, wait: number): void {
    const delivery = sleep(wait)
      .then(() => this.handlers.get(region)?.(body))
      .finally(() => void this.under.delete(delivery))
    this.under.add(delivery)
  }
}

interface Place {
  readonly name: string
  readonly store: Store
}

const chargeOf = (limit: Limit, subject: string, cost: number): Charge => ({
  limit,
  // A packed store takes one window a policy.
  scope: `${limit.algorithm === 'slidingWindow' ? 'slow' : 'api'}+${limit.name}.${limit.algorithm}`,
  subject,
  cost,
})

/** What was granted since the last reset, by limit and subject. */
class Sums {
  private readonly sums = new Map<string, number>()

  add(charges: readonly Charge[], outcomes: readonly (Outcome | undefined)[]): void {
    if (!outcomes.every((outcome) => outcome?.allowed === true)) return
    charges.forEach((charge, i) => this.set(charge, this.of(charge) + (outcomes[i]?.granted ?? 0)))
  }

  of({ limit, subject }: Pick<Charge, 'limit' | 'subject'>): number {
    return this.sums.get(`${limit.name} ${subject}`) ?? 0
  }

  set({ limit, subject }: Pick<Charge, 'limit' | 'subject'>, units: number): void {
    this.sums.set(`${limit.name} ${subject}`, units)
  }
}

async function settled(places: readonly Place[], sums: Sums, seed: number): Promise<void> {
  for (const subject of SUBJECTS) {
    const peeks = LIMITS.map((limit) => chargeOf(limit, subject, 1))
    const expected = peeks.map((charge) => sums.of(charge))
    for (const { name, store } of places) {
      const counted = async (): Promise<readonly number[]> => (await take(store, peeks, { how: 'peek' })).map(({ used }) => used)
      await waitUntil(`seed ${seed}: ${name} counts ${String(expected)} of ${subject}, got what follows`, async () => {
        return String(await counted()) === String(expected)
      }).catch(async (error: unknown) => {
        expect(await counted(), `seed ${seed}: ${name}, ${subject}: ${String(error)}`).toEqual(expected)
      })
    }
  }
}

interface Taken {
  readonly place: Place
  readonly charge: Charge
  readonly outcome: Outcome
}

/** One decision in one region: alone or over several limits, forced, leased, in part, or a give-back. */
async function decide(random: Random, places: readonly Place[], taken: Taken[], sums: Sums): Promise<void> {
  const dice = random.next()
  if (dice < 0.25 && taken.length > 0) {
    const [{ place, charge, outcome }] = taken.splice(random.int(0, taken.length - 1), 1) as [Taken]
    const back = [{ ...charge, cost: -outcome.granted, receipt: outcome.receipt }]
    sums.add(back, await place.store.consume(back))
    return
  }
  const place = random.pick(places)
  const subject = random.pick(SUBJECTS)
  const limits = LIMITS.filter(() => random.chance(0.6))
  const charges = (limits.length === 0 ? LIMITS : limits).map((limit) => chargeOf(limit, subject, random.int(1, 5)))
  const how: ConsumeOptions =
    dice < 0.35 ? { how: 'force' } : dice < 0.45 ? { lease: { ttl: 60_000, ceiling: 500 } } : dice < 0.55 ? { atLeast: 1 } : {}
  const outcomes = await place.store.consume(charges, how)
  sums.add(charges, outcomes)
  outcomes.forEach((outcome, i) => {
    if (outcome?.receipt !== undefined && outcome.granted > 0) taken.push({ place, charge: charges[i] as Charge, outcome })
  })
}

test(`${HISTORIES} histories of ${STEPS} steps: all regions count each unit once`, { timeout: 1_800_000 }, async () => {
  const cluster = await startCluster()
  onTestFinished(() => cluster.stop())
  const servers = await Promise.all([startRedis(), startRedis()])
  onTestFinished(async () => void (await Promise.all(servers.map((server) => server.stop()))))
  const nodes = cluster.nodes.map(({ host, port }) => ({ host, port }))
  const sources: readonly (readonly [() => RedisSource, RedisStoreOptions])[] = [
    [() => servers[0].client(), {}],
    [() => ({ cluster: nodes }), {}],
    [() => servers[1].client(), { packed: { subjects: 1_000 } }],
  ]
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const random = new Random(seed)
    const network = new Network(random)
    const places = ALL.map((name, i): Place => {
      const described = regions({ self: name, all: ALL, transport: network.of(name), interval: 100, minimum: 0 })
      const clock = { now: () => NOON + Date.now() - STARTED + (SKEW[name] ?? 0) }
      const [open, options] = sources[i] as (typeof sources)[number]
      const store = rawStore(open(), { prefix: `seed${seed}`, clock, regions: described, ...options })
      return { name, store }
    })
    try {
      await play(random, network, places, seed)
    } finally {
      for (const { store } of places) await store.close?.()
    }
  }
})

async function play(random: Random, network: Network, places: readonly Place[], seed: number): Promise<void> {
  const sums = new Sums()
  let taken: Taken[] = []
  await Promise.all(places.map(({ store }) => store.ready?.()))
  const base = async (subject: string): Promise<void> => {
    const charges = LIMITS.map((limit) => chargeOf(limit, subject, BASE))
    sums.add(charges, await random.pick(places).store.consume(charges))
  }
  for (const subject of SUBJECTS) await base(subject)
  // A bucket that becomes full before they arrive would forget the part of a unit.
  await settled(places, sums, seed)
  for (let step = 0; step < STEPS; step++) {
    await decide(random, places, taken, sums)
    if (step % 10 === 0) await sleep(random.int(0, 60))
    // A unit that a region admits between a reset and its arrival is forgotten there, so nothing is under way at a reset.
    if (step !== STEPS / 2) continue
    await settled(places, sums, seed)
    for (const subject of SUBJECTS.slice(0, 3)) {
      const targets = LIMITS.slice(0, random.int(1, 4)).map((limit) => chargeOf(limit, subject, 0))
      await random.pick(places).store.reset(targets)
      for (const target of targets) sums.set(target, 0)
      // A receipt from before a reset gives back units of others.
      taken = taken.filter(({ charge }) => charge.subject !== subject)
    }
    await settled(places, sums, seed)
    await network.replay()
    await settled(places, sums, seed)
    for (const subject of SUBJECTS.slice(0, 3)) await base(subject)
    await settled(places, sums, seed)
  }
  await settled(places, sums, seed)
  await network.replay()
  await settled(places, sums, seed)
}
