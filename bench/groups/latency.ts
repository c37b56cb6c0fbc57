// What a decision adds to a round trip: at half of what the process can do, beside a bare GET at the same rate.
import { createLimiter, slidingWindow } from '@sluice/core'
import { redisStore } from '@sluice/redis'
import { startRedis } from '@sluice/testing/redis'
import { everybody, flight, steady } from '../flight.ts'
import { connect, EXACT, LIMIT, WINDOW } from '../redis-peers.ts'
import type { Group } from '../report.ts'
import { alternate, type Lane, quantile } from '../rounds.ts'
import { uniform } from '../subjects.ts'

const GET = 'bare GET'
const OURS = 'Sluice, sliding window'
const DEFAULT = 'Sluice, default stack'

export const latency: Group = {
  name: 'latency',
  title: 'Latency on Redis at half load',
  about:
    'Requests at fixed times, half as many a second as Sluice decides with 256 in flight; a wait counts from when its request was due.',
  full: [15, 1_500],
  quick: [5, 300],
  async run(settings) {
    const server = await startRedis()
    const client = connect(server.url)
    const stores = [redisStore({ url: server.url }, EXACT), redisStore({ url: server.url })] as const
    const subjects = uniform(100_000)
    let i = 0
    const limits = [slidingWindow({ name: 'a', limit: LIMIT, window: WINDOW })]
    const [exact, full] = stores.map((store) => createLimiter({ limits, store }))
    const decide = async () => exact?.consume(subjects.at(i++))
    try {
      for (const limiter of [exact, full]) await everybody(subjects.names, (subject) => limiter?.consume(subject))
      const rates: number[] = []
      for (let n = 0; n < 5; n++) rates.push((await flight({ inFlight: 256, ask: decide }, settings.ms)).rate)
      const half = Math.round(quantile(rates, 0.5) / 2)
      const lane = (name: string, ask: () => Promise<unknown>): Lane => ({ name, turn: (ms) => steady(ask, half, ms) })
      const rounds = await alternate(
        [
          lane(GET, () => client.get(`get:${subjects.at(i++)}`)),
          lane(OURS, decide),
          lane(DEFAULT, async () => full?.consume(subjects.at(i++))),
        ],
        settings,
      )
      const added = (name: string, of: 'p50' | 'p99') =>
        quantile(
          rounds.of(name).map((turn, round) => (turn[of] as number) - (rounds.of(GET)[round]?.[of] as number)),
          0.5,
        )
      return {
        tables: [
          {
            title: `${half.toLocaleString('en')} requests a second`,
            columns: ['lane', 'p50 ms', 'p99 ms', 'added p50', 'added p99'],
            rows: rounds.names.map((name) => [
              name,
              rounds.median(name, (turn) => turn.p50 as number),
              rounds.median(name, (turn) => turn.p99 as number),
              added(name, 'p50'),
              added(name, 'p99'),
            ]),
          },
        ],
        bars: [{ what: 'p99 over a bare GET', must: 'at most', bar: 1, got: added(OURS, 'p99'), unit: 'ms' }],
        data: { half, rounds },
      }
    } finally {
      await Promise.all(stores.map((store) => store.close?.()))
      client.disconnect()
      await server.stop()
    }
  },
}
