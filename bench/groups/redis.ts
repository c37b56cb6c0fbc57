// The shared path: one process, many decisions in flight, beside the peers and the bare command.
import { Child, inProcesses } from '../child.ts'
import { PEERS } from '../redis-peers.ts'
import type { Group } from '../report.ts'
import type { Rounds } from '../rounds.ts'

const IN_FLIGHT = 256
const SUBJECTS = 100_000
const SLIDING = 'Sluice, sliding window'
const THREE = 'Sluice, three limits'
const DEFAULT = 'Sluice, default stack'
const PACKED = 'Sluice, packed'
/** As redis-process.ts names them. */
const LANES: Readonly<Record<string, string>> = {
  'bare INCR': 'incr',
  ...Object.fromEntries(Object.keys(PEERS).map((name) => [name, name])),
  [SLIDING]: 'sliding',
  'Sluice, fixed window': 'fixed',
  [THREE]: 'three',
  [DEFAULT]: 'default',
  [PACKED]: 'packed',
}

export const redis: Group = {
  name: 'redis',
  title: 'On Redis',
  about: `${IN_FLIGHT} decisions in flight, 100,000 subjects at random; a process and a server for each lane; every decision exact and Redis's own (the deny cache, the leases and the failover layer are off, but for the default stack); a limit an hour that nobody reaches. Everybody has come before it counts.`,
  full: [11, 1_500],
  quick: [5, 200],
  async run(settings) {
    const start = (lane: string) => new Child('groups/redis-process.ts', [lane, String(IN_FLIGHT), String(SUBJECTS)])
    const rounds = await inProcesses(new Map(Object.entries(LANES).map(([name, lane]) => [name, start(lane)])), settings)
    return report(rounds, rounds.best(Object.keys(PEERS)))
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
