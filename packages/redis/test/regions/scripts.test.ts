// The scripts of regions and the steps of @sluice/regions decide alike: random steps on both, and each reply and state must be equal.
import { stateIdOf } from '@sluice/core/store-kit'
import { redisRegionStorage } from '@sluice/redis'
import {
  apply,
  collect,
  type CountRecord,
  type Ledger,
  NO_LEDGER,
  type Numbers,
  type RegionStorage,
  reset,
  type ResetStorage,
  type Shape,
  takenAfter,
  takenName,
  type Terms,
} from '@sluice/regions/store-kit'
import { Random } from '@sluice/testing/regions'
import { startRedis } from '@sluice/testing/redis'
import { beforeAll, expect, test } from 'vitest'
import { Keys } from '../../src/keys.ts'

const HISTORIES = process.env['SLUICE_FAULTS'] === 'full' ? 2_000 : 100
const keys = new Keys('sluice', 16)
let server: Awaited<ReturnType<typeof startRedis>>

beforeAll(async () => {
  server = await startRedis()
  return () => server.stop()
})

function encode(states: ReadonlyMap<string, Numbers>): Buffer {
  const bytes = Buffer.alloc(28 * states.size)
  let at = 0
  for (const [text, numbers] of states) {
    bytes.writeUInt32BE(stateIdOf(text), at)
    for (const [i, number] of numbers.entries()) bytes.writeDoubleBE(number, at + 4 + 8 * i)
    at += 28
  }
  return bytes
}

function decode(bytes: Buffer | null): ReadonlyMap<number, readonly number[]> {
  const states = new Map<number, readonly number[]>()
  for (let at = 0; bytes !== null && at < bytes.length; at += 28) {
    states.set(
      bytes.readUInt32BE(at),
      [0, 1, 2].map((i) => bytes.readDoubleBE(at + 4 + 8 * i)),
    )
  }
  return states
}

/** A decision of this region: units in one state. */
function decided(states: Map<string, Numbers>, shape: Shape, units: number, keep: number, now: number): void {
  const { text, kind, P, N } = shape
  const ms = Math.floor(now / 1000)
  const old = states.get(text)
  if (kind === 'bucket') {
    if (units < 0) return
    const credits = (old !== undefined && old[0] >= now ? (old[0] - now) * N + old[1] : 0) + units * P
    const rest = credits % N
    const full = now + Math.floor(credits / N)
    states.set(text, [full, rest, rest > 0 ? N : 0])
    const taken = takenAfter(states.get(takenName(text)), units, full, keep, now)
    if (taken !== undefined) states.set(takenName(text), taken)
    return
  }
  const until = (ms - (ms % P) + (kind === 'sliding' ? 2 * P : P)) * 1000
  const before = kind === 'fixed' ? 0 : old?.[0] === until ? old[2] : old?.[0] === until - P * 1000 ? Math.max(0, old[1]) : 0
  states.set(text, [until, old?.[0] === until ? old[1] + units : Math.max(0, units), before])
}

test(`${HISTORIES} random histories of 60 steps`, { timeout: 900_000 }, async () => {
  const client = server.client()
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const random = new Random(seed)
    let now = 1_767_225_600_000_000 + random.int(0, 60_000_000)
    const storage: RegionStorage & ResetStorage = redisRegionStorage(client, { clock: { now: () => now / 1000 } })
    const terms: Terms = { interval: 1_000, urgent: 0.2, minimum: random.pick([0, 0.1]), keep: 15_000, regions: 3 }
    const base: readonly Shape[] = [
      { text: 'a.fixedWindow.10000', kind: 'fixed', N: 20, P: 10_000, burst: 0 },
      { text: 'b.slidingWindow.10000', kind: 'sliding', N: 20, P: 10_000, burst: 0 },
      { text: 'c.tokenBucket.', kind: 'bucket', N: random.pick([1, 7]), P: random.pick([1_000_000, 20_000_000]), burst: 9 },
    ]
    const subject = `${seed}`
    const key = keys.valueKeyIn('p', subject)
    const states = new Map<string, Numbers>()
    let ledger: Ledger = NO_LEDGER
    for (let i = 0; i < 60; i++) {
      now += random.pick([1_000, 300_000, 1_000_000, 4_000_000, 20_000_000])
      const ms = Math.floor(now / 1000)
      const place = `seed ${seed}, step ${i}`
      const shapes = base.map((shape) => (shape.kind === 'fixed' ? { ...shape, start: ms - (ms % shape.P) } : shape))
      const dice = random.next()
      let [found, expected]: readonly [unknown, unknown] = [undefined, undefined]
      if (dice < 0.35) {
        decided(states, random.pick(shapes), random.pick([1, 1, 3, -1]), terms.keep, now)
        await client.set(key, encode(states))
      } else if (dice < 0.4) {
        const some = shapes.filter(() => random.chance(0.6))
        const forgotten = reset(some, { states, ledger }, terms, now)
        await storage.reset([{ policy: 'p', subject, shapes: some }], terms.keep)
        ;({ ledger } = forgotten)
        for (const text of forgotten.states.keys()) states.delete(text)
        // What has ended long ago is left out of the value.
        const isKept = ([, [first = 0]]: readonly [unknown, readonly number[]]): boolean => first >= now - 60_000_000
        found = new Map([...decode(await client.getBuffer(key))].filter(isKept))
        expected = new Map([...states].filter(isKept).map(([text, numbers]) => [stateIdOf(text), [...numbers]]))
      } else if (dice < 0.6) {
        const some = shapes.filter(() => random.chance(0.8))
        const asked = { policy: 'p', subject, shapes: some, isForced: random.chance(0.1) }
        const own = collect(asked, { states, ledger }, terms, now)
        ;[found] = await storage.collect([asked], terms)
        expected = own.result === 'record' ? { result: 'record', record: own.record } : own
        if (own.result === 'record') ({ ledger } = own.changes)
      } else {
        const entries = base
          .filter(() => random.chance(0.7))
          .map(({ text, kind, N, P, burst }) => {
            const birth = now - random.pick([1_000, 20_000_000, 5_000_000])
            const start = kind === 'bucket' ? birth : ms - (ms % P) + random.pick([0, 0, 0, -1, -2, 1, 9]) * P
            const reset = random.chance(0.15) ? now - random.int(0, 20_000_000) : 0
            return { text, reset, start, units: random.int(-1, 12), before: random.int(0, 9), N, P, burst }
          })
        const record: CountRecord = { kind: 'count', policy: 'p', subject, version: now - random.pick([0, 0, 5_000_000]), entries }
        const source = { region: random.int(1, 2), at: ms - random.pick([0, 100, 5_000, 16_000]) }
        const { changes, ...own } = apply(record, source, { states, ledger }, terms, now)
        const [reply] = await storage.apply([record], source, terms)
        if (changes !== undefined) ({ ledger } = changes)
        for (const [text, numbers] of changes?.states ?? []) {
          if (numbers === undefined) states.delete(text)
          else states.set(text, numbers)
        }
        found = [reply, decode(await client.getBuffer(key))]
        expected = [own, new Map([...states].map(([text, numbers]) => [stateIdOf(text), [...numbers]]))]
      }
      expect(found, place).toEqual(expected)
    }
    expect(await client.pttl(`${key}!r`), 'the ledger has an expiry').not.toBe(-1)
  }
})

test('a ledger of 32 limits and 64 regions is read whole, also by a process that knows fewer regions', { timeout: 120_000 }, async () => {
  const now = 1_767_225_600_000_000
  const storage: RegionStorage = redisRegionStorage(server.client(), { clock: { now: () => now / 1000 } })
  const terms = (regions: number): Terms => ({ interval: 1_000, urgent: 0.2, minimum: 0, keep: 15_000, regions })
  const entries = Array.from({ length: 32 }, (_, i) => {
    const text = `limit${i}.fixedWindow.10000`
    return { text, reset: 0, start: now / 1000, units: 1, before: 0, N: 1_000, P: 10_000, burst: 0 }
  })
  const record = (units: number, version: number): CountRecord => {
    return { kind: 'count', policy: 'p', subject: 'large', version, entries: entries.map((entry) => ({ ...entry, units })) }
  }
  const counts = async (): Promise<readonly (number | undefined)[]> => {
    const states = decode(await server.client().getBuffer(keys.valueKeyIn('p', 'large')))
    return entries.map(({ text }) => states.get(stateIdOf(text))?.[1])
  }
  for (let region = 1; region < 64; region++) await storage.apply([record(1, now)], { region, at: now / 1000 }, terms(64))
  expect(await counts()).toEqual(entries.map(() => 63))
  await storage.apply([record(3, now + 1)], { region: 1, at: now / 1000 }, terms(2))
  // The parts of the other regions are known: what they sent is applied as a difference.
  for (let region = 1; region < 64; region++) await storage.apply([record(3, now + 2)], { region, at: now / 1000 }, terms(64))
  expect(await counts()).toEqual(entries.map(() => 3 * 63))
})
