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
import { decodeEntry, fieldBytes, HEADER, packedKeyOf, Packing } from '../../src/state/packed.ts'

const HISTORIES = process.env['SLUICE_FAULTS'] === 'full' ? 2_000 : 100
const PACKED = { subjects: 2_000, secret: 'a secret' }
let server: Awaited<ReturnType<typeof startRedis>>

type Client = ReturnType<typeof server.client>

beforeAll(async () => {
  server = await startRedis()
  return () => server.stop()
})

type Found = ReadonlyMap<number, readonly number[]>

const idsOf = (states: ReadonlyMap<string, Numbers>): Found =>
  new Map([...states].map(([text, numbers]) => [stateIdOf(text), [...numbers]]))

/** Where the states of a subject are in Redis. */
interface Place {
  write(states: ReadonlyMap<string, Numbers>): Promise<void>
  read(): Promise<Found>
  /** The keys of its ledgers. */
  readonly ledgers: readonly string[]
}

class Value implements Place {
  protected readonly client: Client
  private readonly key: string

  constructor(client: Client, subject: string, prefix: string) {
    this.client = client
    this.key = new Keys(prefix, 16).valueKeyIn('p', subject)
  }

  get ledgers(): readonly string[] {
    return [`${this.key}!r`]
  }

  async write(states: ReadonlyMap<string, Numbers>): Promise<void> {
    const bytes = Buffer.alloc(28 * states.size)
    let at = 0
    for (const [text, numbers] of states) {
      bytes.writeUInt32BE(stateIdOf(text), at)
      for (const [i, number] of numbers.entries()) bytes.writeDoubleBE(number, at + 4 + 8 * i)
      at += 28
    }
    await this.client.set(this.key, bytes)
  }

  async read(): Promise<Found> {
    const bytes = await this.client.getBuffer(this.key)
    const states = new Map<number, readonly number[]>()
    for (let at = 0; bytes !== null && at < bytes.length; at += 28) {
      const numbers = [0, 1, 2].map((i) => bytes.readDoubleBE(at + 4 + 8 * i))
      states.set(bytes.readUInt32BE(at), numbers)
    }
    return states
  }
}

/** The windows are packed, and the rest is in the value. */
class Packed extends Value {
  private readonly packed: readonly { readonly text: string; readonly key: string; readonly window: number; readonly lifetime: number }[]

  constructor(client: Client, subject: string, prefix: string, texts: readonly string[]) {
    super(client, subject, prefix)
    const packedKeys = new Keys(prefix, 16, new Packing(PACKED, 16))
    this.packed = texts.flatMap((text) => {
      const found = packedKeys.packedIn('p', subject, text)
      return found === undefined ? [] : [{ ...found, text, lifetime: (text.includes('sliding') ? 2 : 1) * found.window }]
    })
  }

  override get ledgers(): readonly string[] {
    return [...super.ledgers, ...this.packed.map(({ key }) => `${key}!r`)]
  }

  override async write(states: ReadonlyMap<string, Numbers>): Promise<void> {
    const rest = new Map(states)
    for (const { text, key, lifetime } of this.packed) {
      const { bucket, field } = packedKeyOf(key)
      const numbers = rest.get(text)
      rest.delete(text)
      if (numbers === undefined) {
        await this.client.hdel(bucket, fieldBytes(field))
        continue
      }
      const [first, second, third] = numbers
      await this.client.hsetnx(bucket, HEADER, '0')
      await this.client.hset(bucket, fieldBytes(field), `${first / 1000 - lifetime}:${second}:${third}`)
    }
    await super.write(rest)
  }

  override async read(): Promise<Found> {
    const states = new Map(await super.read())
    for (const { text, key, window, lifetime } of this.packed) {
      const { bucket, field } = packedKeyOf(key)
      const [header = null, entry = null] = await this.client.hmgetBuffer(bucket, HEADER, fieldBytes(field))
      const found = decodeEntry(header, entry, window)
      if (found === undefined && entry !== null) throw new Error(`${String(header)} ${String(entry)} cannot be read`)
      if (found !== undefined) states.set(stateIdOf(text), [(found.start + lifetime) * 1000, found.count, found.previous])
    }
    return states
  }
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

test.each([
  ['in values', undefined],
  ['windows packed', PACKED],
])(`${HISTORIES} random histories of 60 steps, %s`, { timeout: 900_000 }, async (_, packed) => {
  const client = server.client()
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const random = new Random(seed)
    const prefix = `${packed === undefined ? 'values' : 'packed'}${seed}`
    let now = 1_767_225_600_000_000 + random.int(0, 60_000_000)
    const storage: RegionStorage & ResetStorage = redisRegionStorage(client, { prefix, clock: { now: () => now / 1000 }, packed })
    const terms: Terms = { interval: 1_000, urgent: 0.2, minimum: random.pick([0, 0.1]), keep: 15_000, regions: 3 }
    const base: readonly Shape[] = [
      { text: 'a.fixedWindow.10000', kind: 'fixed', N: 20, P: 10_000, burst: 0 },
      { text: 'b.slidingWindow.10000', kind: 'sliding', N: 20, P: 10_000, burst: 0 },
      { text: 'c.tokenBucket.', kind: 'bucket', N: random.pick([1, 7]), P: random.pick([1_000_000, 20_000_000]), burst: 9 },
    ]
    // A number is a field as it is, any other subject a digest.
    const subject = seed % 2 === 0 ? `${seed}` : `user ${seed}`
    const texts = base.map(({ text }) => text)
    const stored = packed === undefined ? new Value(client, subject, prefix) : new Packed(client, subject, prefix, texts)
    // What has ended long ago may be gone from Redis.
    const kept = (found: Found): Found => new Map([...found].filter(([, [first = 0]]) => first >= now - 60_000_000))
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
        await stored.write(states)
      } else if (dice < 0.4) {
        const some = shapes.filter(() => random.chance(0.6))
        const forgotten = reset(some, { states, ledger }, terms, now)
        await storage.reset([{ policy: 'p', subject, shapes: some }], terms.keep)
        ;({ ledger } = forgotten)
        for (const text of forgotten.states.keys()) states.delete(text)
        found = kept(await stored.read())
        expected = kept(idsOf(states))
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
        found = [reply, kept(await stored.read())]
        expected = [own, kept(idsOf(states))]
      }
      expect(found, place).toEqual(expected)
    }
    for (const key of stored.ledgers) expect(await client.pttl(key), 'the ledger has an expiry').not.toBe(-1)
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
  const value = new Value(server.client(), 'large', 'sluice')
  const counts = async (): Promise<readonly (number | undefined)[]> => {
    const states = await value.read()
    return entries.map(({ text }) => states.get(stateIdOf(text))?.[1])
  }
  for (let region = 1; region < 64; region++) await storage.apply([record(1, now)], { region, at: now / 1000 }, terms(64))
  expect(await counts()).toEqual(entries.map(() => 63))
  await storage.apply([record(3, now + 1)], { region: 1, at: now / 1000 }, terms(2))
  // The parts of the other regions are known: what they sent is applied as a difference.
  for (let region = 1; region < 64; region++) await storage.apply([record(3, now + 2)], { region, at: now / 1000 }, terms(64))
  expect(await counts()).toEqual(entries.map(() => 3 * 63))
})
