// A cluster of three beside one server: the same work, the same process.
import { createLimiter, slidingWindow } from '@sluice/core'
import { redisStore } from '@sluice/redis'
import { startCluster, startRedis } from '@sluice/testing/redis'
import { everybody, flight } from '../flight.ts'
import { EXACT, LIMIT, WINDOW } from '../redis-peers.ts'
import type { Group } from '../report.ts'
import { alternate, type Lane } from '../rounds.ts'
import { uniform } from '../subjects.ts'

const SINGLE = 'Sluice, one server'
const CLUSTER = 'Sluice, a cluster of three'

export const cluster: Group = {
  name: 'cluster',
  title: 'On Redis Cluster',
  about:
    '256 decisions in flight, 100,000 subjects, one process, exact, one limit an hour that nobody reaches; every server on this machine. Everybody has come before it counts.',
  full: [11, 1_500],
  quick: [5, 350],
  async run(settings) {
    const [server, nodes] = await Promise.all([startRedis(), startCluster()])
    const subjects = uniform(100_000)
    const stores = [
      redisStore({ url: server.url }, EXACT),
      redisStore({ cluster: nodes.nodes.map(({ host, port }) => ({ host, port })) }, EXACT),
    ]
    const limits = [slidingWindow({ name: 'a', limit: LIMIT, window: WINDOW })]
    let i = 0
    const lanes: Lane[] = []
    try {
      for (const [at, store] of stores.entries()) {
        const limiter = createLimiter({ limits, store })
        await everybody(subjects.names, (subject) => limiter.consume(subject))
        const ask = () => limiter.consume(subjects.at(i++))
        lanes.push({ name: [SINGLE, CLUSTER][at] as string, turn: (ms) => flight({ inFlight: 256, ask }, ms) })
      }
      const rounds = await alternate(lanes, settings)
      return {
        tables: [
          {
            columns: ['lane', 'decisions/s', 'of one server', 'lower quartile', 'client CPU µs', 'p99 ms'],
            rows: rounds.names.map((name) => [
              name,
              Math.round(rounds.median(name)),
              rounds.ratio(name, SINGLE),
              rounds.ratio(name, SINGLE, undefined, 0.25),
              rounds.median(name, (turn) => turn.cpu),
              rounds.median(name, (turn) => turn.p99 as number),
            ]),
          },
        ],
        bars: [{ what: 'a cluster of three, of one server', must: 'at least', bar: 0.7, got: rounds.ratio(CLUSTER, SINGLE) }],
        data: rounds,
      }
    } finally {
      await Promise.all(stores.map((store) => store.close?.()))
      await Promise.all([server.stop(), nodes.stop()])
    }
  },
}
