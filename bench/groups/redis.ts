// Decisions on Redis from one process with many in flight, beside the peers and a bare INCR.
import { runContenders } from '../measure/process.ts'
import { PEERS, PEERS_CALLED_THREE_TIMES } from '../peers.ts'
import type { Group } from '../report/report.ts'
import type { Rounds, Sample } from '../measure/rounds.ts'

const IN_FLIGHT = 256
const SUBJECTS = 100_000
const SLIDING = 'Sluice, sliding window'
const THREE = 'Sluice, three limits'
const DEFAULT = 'Sluice, default stack'
const PACKED = 'Sluice, packed'
const threeTimes = (peer: string): string => `${peer}, called three times`
/** Each contender, and its name in redis-process.ts. */
const CONTENDERS: Readonly<Record<string, string>> = {
  'bare INCR': 'incr',
  ...Object.fromEntries(Object.keys(PEERS).map((name) => [name, name])),
  ...Object.fromEntries(Object.keys(PEERS_CALLED_THREE_TIMES).map((name) => [threeTimes(name), `${name} three`])),
  [SLIDING]: 'sliding',
  'Sluice, fixed window': 'fixed',
  [THREE]: 'three',
  [DEFAULT]: 'default',
  [PACKED]: 'packed',
}

export const redis: Group = {
  name: 'redis',
  title: 'On Redis',
  about: `${IN_FLIGHT} decisions in flight, 100,000 subjects in random order, a limit out of reach with a window of an hour. Each contender has a process and a Redis server of its own. Redis makes every decision: the deny cache, the leases and the failover layer are off, except in the default stack. Each subject is requested once before measuring.`,
  full: [11, 1_500],
  quick: [5, 200],
  async run(settings) {
    const rounds = await runContenders('groups/redis-process.ts', CONTENDERS, settings, [String(IN_FLIGHT), String(SUBJECTS)])
    return report(rounds, rounds.fastest(Object.keys(PEERS)), rounds.fastest(Object.keys(PEERS_CALLED_THREE_TIMES).map(threeTimes)))
  },
}

/** `peer`: the fastest with one limit. `peerOfThree`: the fastest that is called three times. */
function report(rounds: Rounds, peer: string, peerOfThree: string): Awaited<ReturnType<Group['run']>> {
  const { names } = rounds
  const serverCpu = (sample: Sample) => sample.serverCpu as number
  return {
    tables: [
      {
        columns: ['contender', 'decisions/s', `of ${peer}`, 'lower quartile', 'client CPU µs', 'server CPU µs', 'p50 ms', 'p99 ms'],
        rows: names.map((name) => [
          name,
          Math.round(rounds.median(name)),
          rounds.ratio(name, peer),
          rounds.lowerQuartile(name, peer),
          rounds.median(name, (sample) => sample.cpu),
          rounds.median(name, serverCpu),
          rounds.median(name, (sample) => sample.p50 as number),
          rounds.median(name, (sample) => sample.p99 as number),
        ]),
      },
    ],
    targets: [
      { what: `decisions/s, relative to the best peer (${peer})`, must: 'at least', target: 2.5, measured: rounds.ratio(SLIDING, peer) },
      {
        what: 'client CPU of a decision, relative to the best peer',
        must: 'at most',
        target: 0.25,
        measured: rounds.ratio(SLIDING, peer, (sample) => sample.cpu),
      },
      {
        what: 'p99, relative to the best peer',
        must: 'at most',
        target: 1,
        measured: rounds.ratio(SLIDING, peer, (sample) => sample.p99 as number),
      },
      { what: 'the default stack, relative to the best peer', must: 'at least', target: 4, measured: rounds.ratio(DEFAULT, peer) },
      { what: 'packed, relative to one key for each subject', must: 'at least', target: 0.5, measured: rounds.ratio(PACKED, SLIDING) },
      { what: 'three limits, relative to one limit', must: 'at least', target: 0.75, measured: rounds.ratio(THREE, SLIDING) },
      { what: `three limits, relative to ${peerOfThree}`, must: 'at least', target: 4.5, measured: rounds.ratio(THREE, peerOfThree) },
      { what: 'server CPU of one limit', must: 'at most', target: 6, measured: rounds.median(SLIDING, serverCpu), unit: 'µs' },
      { what: 'server CPU of three limits', must: 'at most', target: 8, measured: rounds.median(THREE, serverCpu), unit: 'µs' },
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
