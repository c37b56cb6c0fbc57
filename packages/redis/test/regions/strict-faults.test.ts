// Mode `strict` over real servers while messages are lost, doubled and late, processes end, and data is lost.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Charge, fixedWindow, type Outcome, type Store } from '@sluice/core'
import { redisStore } from '@sluice/redis'
import { regions, type RegionTransport } from '@sluice/regions'
import { type RedisServer, startRedis, waitUntil } from '@sluice/testing/redis'
import { Random } from '@sluice/testing/regions'
import { expect, onTestFinished, test } from 'vitest'
import { take } from '../support.ts'
import { InProcess } from './in-process.ts'
import { rightsIn } from './rights-in.ts'

const { limit } = fixedWindow({ name: 'day', limit: 60, window: '1d' })
const LIMIT = 60
const chargeOf = (cost = 1): Charge => ({ limit, scope: 'api+day.fixedWindow', subject: 'user:1', cost })
const CLOSED = { failMode: 'closed' } as const

async function servers(count: number): Promise<readonly RedisServer[]> {
  const started = await Promise.all(Array.from({ length: count }, () => startRedis()))
  onTestFinished(() => Promise.all(started.map((server) => server.stop())).then(() => undefined))
  return started
}

function open(server: RedisServer, self: string, all: readonly string[], transport: RegionTransport): Store {
  const described = regions({ self, all, transport, interval: 100, mode: 'strict' })
  const store = redisStore(server.client(), { failover: false, denyCache: false, regions: described })
  onTestFinished(() => store.close?.())
  return store
}

const decide = async (store: Store, cost = 1): Promise<Outcome> => (await take(store, chargeOf(cost), CLOSED))[0] as Outcome
const remaining = async (store: Store): Promise<number> => (await take(store, chargeOf(0), { ...CLOSED, how: 'peek' }))[0]?.remaining ?? 0
const ready = (store: Store): Promise<void> => waitUntil('the region has read its share', async () => (await remaining(store)) > 0)

/** Takes what comes until the others have nothing. Returns the units. */
async function exhaust(store: Store): Promise<number> {
  let units = 0
  await waitUntil('the others have nothing to give', async () => {
    for (;;) {
      const { allowed, held } = await decide(store)
      if (!allowed) return held !== true
      units += 1
    }
  })
  return units
}

const isOffer = (body: Uint8Array): boolean => new TextDecoder().decode(body).includes('["offer"')

test(
  'a process that ends between a gift and its offer gives nothing twice, and the next offer has the sum',
  { timeout: 60_000 },
  async () => {
    const all = ['eu', 'us']
    const [first, second] = (await servers(2)) as [RedisServer, RedisServer]
    const network = new InProcess()
    const eu = open(first, 'eu', all, network.of('eu'))
    let lost = 0
    const transport = network.of('us')
    const us = open(second, 'us', all, {
      ...transport,
      publish: (messages) => {
        if (lost === 2 || !messages.some(({ body }) => isOffer(body))) return transport.publish(messages)
        lost += 1
        throw new Error('the process has ended')
      },
    })
    await Promise.all([eu, us].map(ready))
    expect(await exhaust(eu)).toBe(LIMIT)
    expect(lost).toBe(2)
    expect((await decide(us)).allowed).toBe(false)
  },
)

test('after FLUSHALL, no more is admitted than the limit and what was forgotten', { timeout: 60_000 }, async () => {
  const all = ['eu', 'us']
  const [first, second] = (await servers(2)) as [RedisServer, RedisServer]
  const network = new InProcess()
  const eu = open(first, 'eu', all, network.of('eu'))
  const us = open(second, 'us', all, network.of('us'))
  await Promise.all([eu, us].map(ready))
  expect((await decide(us, 10)).allowed).toBe(true)
  const admitted = 10 + (await exhaust(eu))
  expect(admitted).toBe(LIMIT)
  const { to } = await rightsIn(second.client(), 'us', all)
  await second.call('FLUSHALL')
  // The other region asks, and says what it got: that was not forgotten there, so it is paid again.
  let again = 0
  await waitUntil('the region pays again', async () => {
    again += (await decide(eu)).granted
    return ((await rightsIn(second.client(), 'us', all)).to['eu'] ?? 0) >= (to['eu'] ?? 0)
  })
  again += (await exhaust(us)) + (await exhaust(eu))
  // Ten units were used here before.
  expect(again).toBe(10)
})

test('after FLUSHALL on every server, each window begins anew, once', { timeout: 60_000 }, async () => {
  const all = ['eu', 'us']
  const started = (await servers(2)) as [RedisServer, RedisServer]
  const network = new InProcess()
  const eu = open(started[0], 'eu', all, network.of('eu'))
  const us = open(started[1], 'us', all, network.of('us'))
  await Promise.all([eu, us].map(ready))
  expect(await exhaust(eu)).toBe(LIMIT)
  for (const server of started) await server.call('FLUSHALL')
  await Promise.all([eu, us].map(ready))
  expect((await exhaust(us)) + (await exhaust(eu))).toBe(LIMIT)
})

/** Loses a part of the messages, and delivers others twice and late. */
class Lossy extends InProcess {
  isFaulty = true
  private readonly random: Random

  constructor(random: Random) {
    super()
    this.random = random
  }

  toggle(region: string): void {
    if (!this.cut.delete(region)) this.cut.add(region)
  }

  override of(self: string): RegionTransport {
    const transport = super.of(self)
    const { random } = this
    return {
      ...transport,
      publish: async (messages) => {
        if (!this.isFaulty) return transport.publish(messages)
        if (random.chance(0.3)) return
        const times = random.chance(0.3) ? 2 : 1
        for (let i = 0; i < times; i++) {
          void sleep(random.int(0, 300))
            .then(() => transport.publish(messages))
            .catch(() => undefined)
        }
      },
    }
  }
}

const ROUNDS = process.env['SLUICE_FAULTS'] === 'full' ? 40 : 3

test.each(Array.from({ length: ROUNDS }, (_, i) => i + 1))(
  'messages lost, doubled and late, and regions cut off: %d',
  { timeout: 90_000 },
  async (seed) => {
    const random = new Random(seed)
    const all = ['ap', 'eu', 'us']
    const started = await servers(all.length)
    const network = new Lossy(random)
    // Two processes in each region: the last that subscribed gets its messages.
    const processes = all.flatMap((self, i) => [0, 1].map(() => open(started[i] as RedisServer, self, all, network.of(self))))
    await Promise.all(processes.map(ready))
    let admitted = 0
    for (const end = Date.now() + 2_500; Date.now() < end;) {
      const asked = Array.from({ length: random.int(1, 6) }, () => decide(random.pick(processes), random.pick([1, 1, 2, 5])))
      for (const { granted } of await Promise.all(asked)) admitted += granted
      const region = random.pick(all)
      if (random.chance(0.1)) network.toggle(region)
      expect(admitted).toBeLessThanOrEqual(LIMIT)
      await sleep(random.int(0, 30))
    }
    network.isFaulty = false
    network.cut.clear()
    // Units whose offer was lost are idle until their region asks again, which it does after a pause.
    await waitUntil('every unit is used', async () => {
      for (const store of processes) admitted += await exhaust(store)
      return admitted >= LIMIT
    })
    for (const store of processes) admitted += await exhaust(store)
    expect(admitted).toBe(LIMIT)
  },
)
