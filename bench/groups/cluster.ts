// A Redis Cluster of three nodes beside one Redis server: the same work, from the same process.
import { createLimiter, slidingWindow } from '@sluice/core'
import { redisStore } from '@sluice/redis'
import { startCluster, startRedis } from '@sluice/testing/redis'
import { closedLoop, visitAll } from '../measure/load.ts'
import { LIMIT, WINDOW, WITHOUT_LAYERS } from '../peers.ts'
import type { Group } from '../report/report.ts'
import { type Contender, runRounds } from '../measure/rounds.ts'
import { uniform } from '../measure/subjects.ts'

const SINGLE = 'Sluice, one server'
const CLUSTER = 'Sluice, a cluster of three'

export const cluster: Group = {
  name: 'cluster',
  title: 'On Redis Cluster',
  about:
    '256 decisions in flight from one process, 100,000 subjects, one limit out of reach with a window of an hour, without layers. All servers run on this machine. Each subject is requested once before measuring.',
  full: [11, 1_500],
  quick: [5, 350],
  async run(settings) {
    const [server, nodes] = await Promise.all([startRedis(), startCluster()])
    const subjects = uniform(100_000)
    const stores = [
      redisStore({ url: server.url }, WITHOUT_LAYERS),
      redisStore({ cluster: nodes.nodes.map(({ host, port }) => ({ host, port })) }, WITHOUT_LAYERS),
    ]
    const limits = [slidingWindow({ name: 'a', limit: LIMIT, window: WINDOW })]
    let i = 0
    const contenders: Contender[] = []
    try {
      for (const [at, store] of stores.entries()) {
        const limiter = createLimiter({ limits, store })
        await visitAll(subjects.names, (subject) => limiter.consume(subject))
        const decide = () => limiter.consume(subjects.at(i++))
        contenders.push({ name: [SINGLE, CLUSTER][at] as string, turn: (ms) => closedLoop({ inFlight: 256, decide }, ms) })
      }
      const rounds = await runRounds(contenders, settings)
      return {
        tables: [
          {
            columns: ['contender', 'decisions/s', 'of one server', 'lower quartile', 'client CPU µs', 'p99 ms'],
            rows: rounds.names.map((name) => [
              name,
              Math.round(rounds.median(name)),
              rounds.ratio(name, SINGLE),
              rounds.lowerQuartile(name, SINGLE),
              rounds.median(name, (sample) => sample.cpu),
              rounds.median(name, (sample) => sample.p99 as number),
            ]),
          },
        ],
        targets: [
          { what: 'a cluster of three, relative to one server', must: 'at least', target: 0.7, measured: rounds.ratio(CLUSTER, SINGLE) },
        ],
        data: rounds,
      }
    } finally {
      await Promise.all(stores.map((store) => store.close?.()))
      await Promise.all([server.stop(), nodes.stop()])
    }
  },
}
