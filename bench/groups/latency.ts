// What a decision adds to a round trip, beside a bare GET at the same rate: half of the highest rate that both reach.
import { createLimiter, slidingWindow } from '@sluice/core'
import { redisStore } from '@sluice/redis'
import { startRedis } from '@sluice/testing/redis'
import { closedLoop, openLoop, visitAll } from '../measure/load.ts'
import { connect, LIMIT, WINDOW, WITHOUT_LAYERS } from '../peers.ts'
import type { Group } from '../report/report.ts'
import { type Contender, quantile, runRounds } from '../measure/rounds.ts'
import { uniform } from '../measure/subjects.ts'

const GET = 'bare GET'
const OURS = 'Sluice, sliding window'
const DEFAULT = 'Sluice, default stack'

export const latency: Group = {
  name: 'latency',
  title: 'Latency on Redis at half load',
  about:
    'Requests at fixed times, half as many a second as the slower of the two reaches with 256 in flight: Sluice, which batches, or a bare `GET`. A latency counts from the time at which the request was due.',
  full: [15, 1_500],
  quick: [5, 300],
  async run(settings) {
    const server = await startRedis()
    const client = connect(server.url)
    const stores = [redisStore({ url: server.url }, WITHOUT_LAYERS), redisStore({ url: server.url })] as const
    const subjects = uniform(100_000)
    let i = 0
    const limits = [slidingWindow({ name: 'a', limit: LIMIT, window: WINDOW })]
    const [exact, full] = stores.map((store) => createLimiter({ limits, store }))
    const decide = async () => exact?.consume(subjects.at(i++))
    const get = async () => client.get(`get:${subjects.at(i++)}`)
    try {
      for (const limiter of [exact, full]) await visitAll(subjects.names, (subject) => limiter?.consume(subject))
      const rateOf = async (request: () => Promise<unknown>): Promise<number> => {
        const rates: number[] = []
        for (let n = 0; n < 5; n++) rates.push((await closedLoop({ inFlight: 256, decide: request }, settings.ms)).rate)
        return quantile(rates, 0.5)
      }
      const half = Math.round(Math.min(await rateOf(get), await rateOf(decide)) / 2)
      const atHalf = (name: string, request: () => Promise<unknown>): Contender => ({
        name,
        turn: (ms) => openLoop(request, half, ms),
      })
      const rounds = await runRounds(
        [atHalf(GET, get), atHalf(OURS, decide), atHalf(DEFAULT, async () => full?.consume(subjects.at(i++)))],
        settings,
      )
      const added = (name: string, of: 'p50' | 'p99') =>
        quantile(
          rounds.of(name).map((sample, round) => (sample[of] as number) - (rounds.of(GET)[round]?.[of] as number)),
          0.5,
        )
      return {
        tables: [
          {
            title: `${half.toLocaleString('en')} requests a second`,
            columns: ['contender', 'p50 ms', 'p99 ms', 'added p50', 'added p99'],
            rows: rounds.names.map((name) => [
              name,
              rounds.median(name, (sample) => sample.p50 as number),
              rounds.median(name, (sample) => sample.p99 as number),
              added(name, 'p50'),
              added(name, 'p99'),
            ]),
          },
        ],
        targets: [{ what: 'p99 above that of a bare GET', must: 'at most', target: 1, measured: added(OURS, 'p99'), unit: 'ms' }],
        data: { half, rounds },
      }
    } finally {
      await Promise.all(stores.map((store) => store.close?.()))
      client.disconnect()
      await server.stop()
    }
  },
}
