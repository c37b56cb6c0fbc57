// Random charges of the Redis store, and garbage in place of its states.
import type { Limit } from '@sluice/core'
import { redisStore } from '@sluice/redis'
import { type RedisServer, startRedis, ttlViolations } from '@sluice/testing/redis'
import fc from 'fast-check'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { charges, consumes } from './calls.ts'
import { text } from './inputs.ts'
import { fuzz, tally, type Verdict } from './runner.ts'
import { accepted } from './targets.ts'

/** How a state in Redis is corrupted: changed bytes, or another type. */
type Corruption =
  | { readonly do: 'set' | 'cut' | 'flip' | 'grow'; readonly value: string | Buffer; readonly at: number }
  | { readonly do: keyof typeof OTHER_TYPES }

export function redis(): void {
  describe('Redis', () => {
    let server: RedisServer
    let client: Redis
    beforeAll(async () => {
      server = await startRedis()
      client = server.client()
    })
    afterAll(() => server.stop())

    test('charges and receipts', { timeout: 120_000 }, () => {
      const store = redisStore(client, { prefix: 'charges' })
      const many = fc.array(charges, { minLength: 40, maxLength: 60 })
      return fuzz(
        'Redis: charges (batches)',
        200,
        many,
        async (list): Promise<Verdict> => {
          const verdicts = await Promise.all(list.map(([one, options]) => consumes(store, one, options)))
          tally.rows['Redis: charges'] ??= { inputs: 0, worked: 0, refused: 0 }
          for (const verdict of verdicts) {
            tally.rows['Redis: charges'].inputs += 1
            tally.rows['Redis: charges'][verdict] += 1
          }
          return 'worked'
        },
        { shrinks: false },
      )
    })

    /** Values in place of a state, including numbers that Lua parses differently. */
    const values = fc.oneof(
      fc.constantFrom(
        '',
        '0',
        '-1',
        'nan',
        'inf',
        '-inf',
        '0x10',
        '1e308',
        '1e15',
        ' 1',
        '1:1',
        '1:2:3',
        ':',
        '::',
        '1:-1',
        '9'.repeat(30),
        '\0',
        '1 a\n2 b',
        '\n',
        'x'.repeat(5_000),
      ),
      fc.tuple(fc.integer(), fc.integer(), fc.integer()).map((numbers) => numbers.join(':')),
      fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
      text,
    )
    const corruptions: fc.Arbitrary<Corruption> = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({ do: fc.constantFrom('set', 'cut', 'flip', 'grow'), value: values, at: fc.nat() }),
      },
      { weight: 1, arbitrary: fc.record({ do: fc.constantFrom(...(Object.keys(OTHER_TYPES) as (keyof typeof OTHER_TYPES)[])) }) },
    )

    test('trap: garbage in the place of a state', { timeout: 120_000 }, async () => {
      const store = redisStore(client, { prefix: 'garbage' })
      const row = (tally.rows['Redis: states'] = { inputs: 0, worked: 0, refused: 0 })
      const lease = { lease: { ttl: 250, ceiling: 2 }, atLeast: 1 }
      const hows = [{}, lease, { how: 'force' }] as const
      let subjects = 0
      const batches = fc.array(corruptions, { minLength: 100, maxLength: 100 })
      await fuzz('Redis: states (batches)', 120, batches, corruptAll, { shrinks: false })
      // Unreadable counts as absent: nothing was refused for what it found.
      expect(row.refused).toBe(0)

      async function dumps(keys: readonly Buffer[]): Promise<ReadonlyMap<string, string>> {
        const texts = await Promise.all(keys.map((key) => client.dumpBuffer(key)))
        return new Map(keys.map((key, i) => [key.toString(), texts[i]?.toString('base64') ?? '']))
      }
      async function corruptAll(list: readonly Corruption[]): Promise<Verdict> {
        const charged = list.map((_, i) => ({ limit: accepted[i % accepted.length] as Limit, subject: `s${(subjects += 1)}`, cost: 1 }))
        await Promise.all(charged.map((charge, i) => consumes(store, [charge], hows[i % 3] ?? {})))
        const keys = (await client.keysBuffer('garbage:*')).filter((key) => !key.includes('{meta}'))
        const states = await client.mgetBuffer(keys)
        const commands = keys.map((key, i) => corrupted(key, states[i] ?? Buffer.alloc(0), list[i % list.length] as Corruption))
        const pipeline = client.pipeline()
        for (const [key, command] of commands) pipeline.del(key).call(...command)
        await pipeline.exec()
        const garbage = await dumps(keys)
        const verdicts = await Promise.all(charged.map((charge, i) => consumes(store, [charge], hows[(i + 1) % 3] ?? {})))
        row.inputs += keys.length
        for (const verdict of verdicts) row[verdict] += 1
        // Every key that the store wrote expires, so that no subject is blocked for ever. Untouched garbage may stay.
        const lasting = await ttlViolations(client, { bound: () => 2 ** 52, ignore: (key) => key.includes('{meta}') })
        const found = await dumps(lasting.map(({ key }) => Buffer.from(key)))
        for (const [key, dump] of found) if (garbage.get(key) !== dump) throw new Error(`${JSON.stringify(key)} never expires`)
        await client.del(...keys)
        return 'worked'
      }
    })
  })
}

const OTHER_TYPES = {
  list: (key: Buffer): [string, ...(string | Buffer)[]] => ['RPUSH', key, 'a'],
  hash: (key: Buffer): [string, ...(string | Buffer)[]] => ['HSET', key, 'a', '1'],
  zset: (key: Buffer): [string, ...(string | Buffer)[]] => ['ZADD', key, '1', 'a'],
  // Holders that no charge made.
  endless: (key: Buffer): [string, ...(string | Buffer)[]] => ['ZADD', key, '+inf', 'a', '1', 'b'],
  fraction: (key: Buffer): [string, ...(string | Buffer)[]] => [
    'ZADD',
    key,
    '1.5e15',
    'a',
    '8e15',
    '',
    '1796000000000000.5',
    'b',
    '-inf',
    '\0',
  ],
  stream: (key: Buffer): [string, ...(string | Buffer)[]] => ['XADD', key, '*', 'a', '1'],
} as const

/** The command that replaces a state by garbage. */
function corrupted(key: Buffer, state: Buffer, corruption: Corruption): readonly [key: Buffer, command: [string, ...(string | Buffer)[]]] {
  if (!('at' in corruption)) return [key, OTHER_TYPES[corruption.do](key)]
  if (corruption.do === 'set') return [key, ['SET', key, corruption.value]]
  if (corruption.do === 'cut') return [key, ['SET', key, state.subarray(0, corruption.at % Math.max(1, state.length))]]
  if (corruption.do === 'grow') return [key, ['SET', key, Buffer.concat([state, Buffer.from(corruption.value)])]]
  const flipped = Buffer.from(state)
  if (flipped.length > 0) flipped[corruption.at % flipped.length] = corruption.at % 256
  return [key, ['SET', key, flipped]]
}
