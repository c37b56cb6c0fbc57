// The shared path: one process, many decisions in flight, beside the peers and the bare command.
import { createLimiter, fixedWindow, type LimitRule, slidingWindow } from '@sluice/core'
import { redisStore, type RedisStoreOptions } from '@sluice/redis'
import { startRedis } from '@sluice/testing/redis'
import type { Redis } from 'ioredis'
import { everybody, flight } from '../flight.ts'
import { type Ask, connect, LIMIT, PEERS, WINDOW } from '../redis-peers.ts'
import type { Group } from '../report.ts'
import { alternate, type Lane, type Rounds } from '../rounds.ts'
import { uniform } from '../subjects.ts'

const IN_FLIGHT = 256
const INCR = 'bare INCR'
const SLIDING = 'Sluice, sliding window'
const FIXED = 'Sluice, fixed window'
const THREE = 'Sluice, three limits'
const DEFAULT = 'Sluice, default stack'
const PACKED = 'Sluice, packed'
const SUBJECTS = 100_000
export const EXACT: RedisStoreOptions = { denyCache: false, leases: false, failover: false }
const sliding = slidingWindow({ name: 'a', limit: LIMIT, window: WINDOW })
const three = [sliding, fixedWindow({ name: 'b', limit: LIMIT, window: '1d' }), fixedWindow({ name: 'c', limit: LIMIT, window: '7d' })]

export const redis: Group = {
  name: 'redis',
  title: 'On Redis',
  about: `${IN_FLIGHT} decisions in flight, 100,000 subjects at random, one process, a server for each lane; every decision exact and Redis's own (the deny cache, the leases and the failover layer are off, but for the default stack); a limit an hour that nobody reaches. Everybody has come before it counts.`,
  full: [11, 1_500],
  quick: [5, 200],
  async run(settings) {
    const subjects = uniform(SUBJECTS)
    const ends: (() => unknown)[] = []
    let i = 0
    const lane = async (name: string, make: (client: Redis, url: string) => Ask | Promise<Ask>): Promise<Lane> => {
      const server = await startRedis()
      const client = connect(server.url)
      ends.push(
        () => client.disconnect(),
        () => server.stop(),
      )
      const ask = await make(client, server.url)
      await everybody(subjects.names, ask)
      const used = async () => cpuOf(await client.info('cpu'))
      return { name, turn: (ms) => flight({ inFlight: IN_FLIGHT, ask: () => ask(subjects.at(i++)), server: used }, ms) }
    }
    const sluice = (name: string, limits: readonly LimitRule<string>[], options = EXACT): Promise<Lane> =>
      lane(name, (_, url) => {
        const store = redisStore({ url }, options)
        ends.unshift(() => store.close?.())
        const limiter = createLimiter({ limits, store })
        return (subject) => limiter.consume(subject)
      })
    try {
      const lanes = [await lane(INCR, (client) => (subject) => client.incr(subject))]
      for (const [name, make] of Object.entries(PEERS)) lanes.push(await lane(name, make))
      lanes.push(
        await sluice(SLIDING, [sliding]),
        await sluice(FIXED, [fixedWindow({ name: 'a', limit: LIMIT, window: WINDOW })]),
        await sluice(THREE, three),
        await sluice(DEFAULT, [sliding], {}),
        await sluice(PACKED, [sliding], { ...EXACT, packed: { subjects: SUBJECTS } }),
      )
      const rounds = await alternate(lanes, settings)
      return report(rounds, rounds.best(Object.keys(PEERS)))
    } finally {
      for (const end of ends) await end()
    }
  },
}

function report(rounds: Rounds, peer: string): Awaited<ReturnType<Group['run']>> {
  const { names } = rounds
  return {
    tables: [
      {
        columns: ['lane', 'decisions/s', `of ${peer}`, 'lower quartile', 'client CPU µs', 'server CPU µs', 'p50 ms', 'p99 ms'],
        rows: names.map((name) => [
          name,
          Math.round(rounds.median(name)),
          rounds.ratio(name, peer),
          rounds.ratio(name, peer, undefined, 0.25),
          rounds.median(name, (turn) => turn.cpu),
          rounds.median(name, (turn) => turn.server as number),
          rounds.median(name, (turn) => turn.p50 as number),
          rounds.median(name, (turn) => turn.p99 as number),
        ]),
      },
    ],
    bars: [
      { what: `decisions/s, of the best peer (${peer})`, must: 'at least', bar: 4, got: rounds.ratio(SLIDING, peer) },
      { what: 'client CPU a decision, of the best peer', must: 'at most', bar: 0.25, got: rounds.ratio(SLIDING, peer, (turn) => turn.cpu) },
      { what: 'p99, of the best peer', must: 'at most', bar: 1, got: rounds.ratio(SLIDING, peer, (turn) => turn.p99 as number) },
      { what: 'the default stack, of the best peer', must: 'at least', bar: 4, got: rounds.ratio(DEFAULT, peer) },
      { what: 'packed, of a key each', must: 'at least', bar: 0.5, got: rounds.ratio(PACKED, SLIDING) },
      { what: 'three limits in one decision, of the best peer with one', must: 'at least', bar: 2, got: rounds.ratio(THREE, peer) },
    ],
    charts: [
      {
        file: 'redis',
        title: `On Redis, ${IN_FLIGHT} in flight`,
        unit: 'decisions/s',
        series: names.map((name) => ({ name, values: [rounds.median(name)] })),
      },
    ],
    data: rounds,
  }
}

/** µs. */
function cpuOf(info: string): number {
  const of = (name: string) => Number(new RegExp(`${name}:([\\d.]+)`).exec(info)?.[1])
  return 1e6 * (of('used_cpu_user') + of('used_cpu_sys'))
}
