// Prints what one decision costs the Redis server, and the memory store, by the number of holders or log entries of its subject.
import { type Charge, concurrency, fixedWindow, type Limit, memoryStore, type Outcome, slidingLog, type Store } from '@sluice/core'
import { redisStore } from '@sluice/redis'
import { startRedis } from '@sluice/testing/redis'

const SIZES = (process.argv[3] ?? '10,100,1000,2000,10000').split(',').map(Number)
const ROUNDS = Number(process.argv[2] ?? 200)
/** Decisions of one turn: they share a command. */
const TURN = 64

const server = await startRedis()
const store = redisStore({ url: server.url }, { failover: false, denyCache: false })
const client = server.client()

/** µs of scripts since the last reset. */
async function serverMicros(): Promise<number> {
  const stats = await client.info('commandstats')
  return [...stats.matchAll(/^cmdstat_eval(?:sha)?:calls=\d+,usec=(\d+)/gm)].reduce((sum, [, usec]) => sum + Number(usec), 0)
}

function chargesOf(limit: Limit, more: Partial<Charge> = {}): readonly Charge[] {
  return [{ limit, scope: `p+${limit.name}.${limit.algorithm}`, subject: 'a', cost: 1, ...more }]
}

async function fill(on: Store, limit: Limit, size: number): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = []
  while (outcomes.length < size) {
    const some = Array.from({ length: Math.min(TURN, size - outcomes.length) }, () => on.consume(chargesOf(limit)))
    for (const [outcome] of await Promise.all(some)) outcomes.push(outcome as Outcome)
  }
  return outcomes
}

type Row = readonly [name: string, alone: number, turn: number]

/** µs of the server for a decision that is sent alone, and for one of a turn: the lower quartile of the rounds. */
async function costOf(name: string, make: (round: number) => readonly Charge[]): Promise<Row> {
  const quartile = async (count: number): Promise<number> => {
    const rounds: number[] = []
    for (let i = 0; i < ROUNDS; i += count === 1 ? 1 : 8) {
      const before = await serverMicros()
      await Promise.all(Array.from({ length: count }, (_, j) => store.consume(make(i * TURN + j))))
      rounds.push(((await serverMicros()) - before) / count)
    }
    return rounds.toSorted((a, b) => a - b)[Math.floor(rounds.length / 4)] as number
  }
  return [name, await quartile(1), await quartile(TURN)]
}

/** ns of the memory store for a decision. */
function memoryCost(on: Store, make: (i: number) => readonly Charge[]): number {
  const rounds: number[] = []
  for (let i = 0; i < ROUNDS; i++) {
    const before = process.hrtime.bigint()
    for (let j = 0; j < TURN; j++) void on.consume(make(i * TURN + j))
    rounds.push(Number(process.hrtime.bigint() - before) / TURN)
  }
  return rounds.toSorted((a, b) => a - b)[Math.floor(rounds.length / 4)] as number
}

console.log('| state | decision | server µs, alone | server µs, one of 64 | memory store, µs |')
console.log('|---|---|---:|---:|---:|')
function print(state: string, [name, alone, turn]: Row, nanos: number): void {
  console.log(`| ${state} | ${name} | ${alone.toFixed(1)} | ${turn.toFixed(1)} | ${(nanos / 1000).toFixed(2)} |`)
}

// To compare with, in the same run.
const window = fixedWindow({ name: 'window', limit: 10_000_000, window: '1d' }).limit
print(
  'a count',
  await costOf('admitted by a fixed window', () => chargesOf(window)),
  memoryCost(memoryStore(), () => chargesOf(window)),
)
for (const size of SIZES) {
  await client.flushall()
  const memory = memoryStore()
  const full = concurrency({ name: 'slots', limit: size, ttl: '10m' }).limit
  const held = await fill(store, full, size)
  const own = await fill(memory, full, size)
  const state = `${size} holders`
  print(
    state,
    await costOf('refused', () => chargesOf(full)),
    memoryCost(memory, () => chargesOf(full)),
  )
  const renewal = (list: readonly Outcome[]) => (i: number) => chargesOf(full, { receipt: list[(i * 7919) % size]?.receipt })
  print(state, await costOf('renewed', renewal(held)), memoryCost(memory, renewal(own)))
  const roomy = { ...full, limit: 10 * size + 1_000_000 }
  print(
    state,
    await costOf('acquired', () => chargesOf(roomy)),
    memoryCost(memory, () => chargesOf(roomy)),
  )
  const release = (list: readonly Outcome[]) => (i: number) => chargesOf(full, { cost: -1, receipt: list[i % size]?.receipt })
  print(state, await costOf('released', release(held)), memoryCost(memory, release(own)))
}
for (const size of SIZES) {
  await client.flushall()
  const memory = memoryStore()
  const full = { ...slidingLog({ name: 'log', limit: 10, window: '10m' }).limit, limit: size }
  const logged = await fill(store, full, size)
  const own = await fill(memory, full, size)
  const state = `${size} entries`
  print(
    state,
    await costOf('refused', () => chargesOf(full)),
    memoryCost(memory, () => chargesOf(full)),
  )
  const roomy = { ...full, limit: 10 * size }
  print(
    state,
    await costOf('admitted', () => chargesOf(roomy)),
    memoryCost(memory, () => chargesOf(roomy)),
  )
  const middle = (list: readonly Outcome[]) => (i: number) =>
    chargesOf(roomy, { cost: -1, receipt: list[(Math.floor(size / 2) + i) % size]?.receipt })
  print(state, await costOf('given back, from the middle', middle(logged)), memoryCost(memory, middle(own)))
}
await store.close?.()
await server.stop()
