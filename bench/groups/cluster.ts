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
const EQUAL = 'Sluice, a cluster of three, 768 in flight'
const FEWER = 'Sluice, a cluster of three, `partitions: 4`'
const IN_FLIGHT = 256
/** Each contender: its store, and its decisions in flight. With 768, each of three nodes has as many as the one server. */
const CONTENDERS = [
  [SINGLE, 'server', IN_FLIGHT],
  [CLUSTER, 'cluster', IN_FLIGHT],
  [EQUAL, 'cluster', 3 * IN_FLIGHT],
  [FEWER, 'fewer', IN_FLIGHT],
] as const

export const cluster: Group = {
  name: 'cluster',
  title: 'On Redis Cluster',
  about:
    '256 decisions in flight from one process, unless the row says otherwise, 100,000 subjects, one limit out of reach with a window of an hour, without layers. All servers run on this machine. Each subject is requested once before measuring.',
  full: [11, 1_500],
  quick: [5, 350],
  async run(settings) {
    const [server, nodes] = await Promise.all([startRedis(), startCluster()])
    const subjects = uniform(100_000)
    const source = { cluster: nodes.nodes.map(({ host, port }) => ({ host, port })) }
    const stores = {
      server: redisStore({ url: server.url }, WITHOUT_LAYERS),
      cluster: redisStore(source, WITHOUT_LAYERS),
      fewer: redisStore(source, { ...WITHOUT_LAYERS, prefix: 'fewer', partitions: 4 }),
    }
    const limits = [slidingWindow({ name: 'a', limit: LIMIT, window: WINDOW })]
    let i = 0
    const contenders: Contender[] = []
    try {
      const limiters = {
        server: createLimiter({ limits, store: stores.server }),
        cluster: createLimiter({ limits, store: stores.cluster }),
        fewer: createLimiter({ limits, store: stores.fewer }),
      }
      for (const limiter of Object.values(limiters)) await visitAll(subjects.names, (subject) => limiter.consume(subject))
      for (const [name, store, inFlight] of CONTENDERS) {
        const decide = () => limiters[store].consume(subjects.at(i++))
        contenders.push({ name, turn: (ms) => closedLoop({ inFlight, decide }, ms) })
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
          {
            what: 'the same, with 768 in flight: as many on each node as on the one server',
            must: 'at least',
            target: 0.7,
            measured: rounds.ratio(EQUAL, SINGLE),
          },
          { what: 'the same, with 4 partitions instead of 16', must: 'at least', target: 0.7, measured: rounds.ratio(FEWER, SINGLE) },
        ],
        data: rounds,
      }
    } finally {
      await Promise.all(Object.values(stores).map((store) => store.close?.()))
      await Promise.all([server.stop(), nodes.stop()])
    }
  },
}
