// The script of heartbeats and the step of @sluice/regions decide alike: random calls of both, and each reply must be equal.
import { redisRegionStorage } from '@sluice/redis'
import {
  type BeatStorage,
  heartbeat,
  type HeartbeatResult,
  type LedgerStorage,
  type RegionBook,
  type ShareTable,
} from '@sluice/regions/store-kit'
import { Random } from '@sluice/testing/regions'
import { startRedis } from '@sluice/testing/redis'
import { beforeEach, expect, test } from 'vitest'
import { Keys } from '../../src/keys.ts'

const HISTORIES = process.env['SLUICE_FAULTS'] === 'full' ? 1_000 : 60
const ALL = ['eu', 'us', 'ap']
let server: Awaited<ReturnType<typeof startRedis>>

beforeEach(async () => {
  server = await startRedis()
  return () => server.stop()
})

const sorted = (result: HeartbeatResult): unknown => {
  if (result.result === 'changed') return result
  const { book } = result
  const heard = Object.fromEntries(
    Object.entries(book.shares.heard).map(([region, versions]) => [region, versions.toSorted((one, other) => one - other)]),
  )
  return { ...result, book: { ...book, shares: { promised: book.shares.promised, heard } } }
}

test(`${HISTORIES} random histories of 40 calls`, { timeout: 600_000 }, async () => {
  const client = server.client()
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const random = new Random(seed)
    let now = 1_767_225_600_000
    const storage: BeatStorage = redisRegionStorage(client, { prefix: `s${seed}`, clock: { now: () => now } })
    let book: RegionBook | undefined
    const table = (version: number): ShareTable => {
      const part = 1 / (version + 2)
      return { version, from: 1_767_225_600_000 + version * 30_000, of: { eu: part, us: 1 - part, ap: 0 } }
    }
    for (let i = 0; i < 40; i++) {
      now += random.pick([0, 1, 700, 2_500, 30_000])
      const tables = [1, 2, 3].filter(() => random.chance(0.4)).map(table)
      const heard = ['us', 'ap']
        .filter(() => random.chance(0.5))
        .map((region) => {
          const promised = random.chance(0.2) ? tables : []
          return { region, age: random.int(0, 9_000), lag: random.int(0, 500), reads: random.int(0, 3), shares: tables, promised }
        })
      const request = {
        self: random.chance(0.95) ? 'eu' : 'us',
        all: random.pick([ALL, ALL, ALL, [...ALL, 'sa'], ['us', 'eu', 'ap'], ['eu', 'us'], ['eu', 'ap'], ['eu', 'sa', 'us']]),
        reads: random.int(1, 3),
        shares: random.chance(0.5) ? table(random.int(1, 3)) : undefined,
        heard,
        isAsked: random.chance(0.2),
        every: 2_500,
        silence: 10_000,
        keep: 20_000,
      }
      const expected = heartbeat(book, request, now)
      if (expected.result === 'done') ({ book } = expected)
      expect(sorted(await storage.heartbeat(request)), `seed ${seed}, call ${i}`).toEqual(sorted(expected))
    }
    expect(await client.pttl(`s${seed}:{meta}:regions`)).toBe(-1)
  }
})

test('the subjects that have a ledger are found, with their policies', async () => {
  const client = server.client()
  const keys = new Keys('sluice', 16)
  const odd = 'ein Name: ü'
  const long = 'x'.repeat(100)
  for (const [policy, subject] of [
    ['api', 'user:1'],
    ['api', '#2'],
    ['v2~other', '2001:db8::1'],
    [odd, '}:!'],
    ['unknown', 'user:3'],
    ['api', long],
  ] as const) {
    await client.set(keys.valueKeyIn(policy, subject), 'value')
    await client.set(`${keys.valueKeyIn(policy, subject)}!r`, 'ledger')
  }
  await client.set('sluice:{meta}', '16')
  await client.set('other:{0}:api:user:9!r', 'of another prefix')
  const storage: LedgerStorage = redisRegionStorage(client)
  const found = []
  for await (const names of storage.ledgers(['api', 'v2~other', odd])) found.push(...names)
  const compare = (one: { subject: string }, other: { subject: string }): number => (one.subject < other.subject ? -1 : 1)
  expect(found.toSorted(compare)).toEqual(
    [
      { policy: 'api', subject: 'user:1' },
      { policy: 'api', subject: '#2' },
      { policy: 'v2~other', subject: '2001:db8::1' },
      { policy: odd, subject: '}:!' },
      { policy: undefined, subject: 'user:3' },
    ].toSorted(compare),
  )
})
