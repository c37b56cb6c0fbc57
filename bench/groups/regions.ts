// What sharing a limit with other regions costs a decision.
import { runContenders } from '../measure/process.ts'
import type { Sample } from '../measure/rounds.ts'
import type { Group } from '../report/report.ts'

const IN_FLIGHT = 256
const SUBJECTS = 100_000
const OFF = 'sliding window, without regions'
const LOCAL = 'the same in mode `local`'
const EVENTUAL = 'the same in mode `eventual`'
const EXCHANGE = 'the same, with an exchange each second'
const BUCKET = 'token bucket, without regions'
const EVENTUAL_BUCKET = 'token bucket in mode `eventual`'
/** Each contender, and its name in redis-process.ts. */
const CONTENDERS: Readonly<Record<string, string>> = {
  [OFF]: 'sliding',
  [LOCAL]: 'local',
  [EVENTUAL]: 'eventual',
  [EXCHANGE]: 'eventual and exchange',
  [BUCKET]: 'bucket',
  [EVENTUAL_BUCKET]: 'eventual bucket',
}

export const regions: Group = {
  name: 'regions',
  title: 'In several regions',
  about: `${IN_FLIGHT} decisions in flight on Redis, 100,000 subjects in random order. A decision costs what the rows without an exchange say. The exchange reads what was decided on, once an interval, and its messages go nowhere.`,
  full: [15, 1_500],
  quick: [5, 200],
  async run(settings) {
    const rounds = await runContenders('groups/redis-process.ts', CONTENDERS, settings, [String(IN_FLIGHT), String(SUBJECTS)])
    const cpu = (sample: Sample): number => sample.cpu
    const serverCpu = (sample: Sample): number => sample.serverCpu as number
    return {
      tables: [
        {
          columns: ['contender', 'decisions/s', 'client CPU µs', 'server CPU µs'],
          rows: rounds.names.map((name) => [
            name,
            Math.round(rounds.median(name)),
            rounds.median(name, cpu),
            rounds.median(name, serverCpu),
          ]),
        },
      ],
      targets: [
        {
          what: 'client CPU of mode `eventual`, relative to no regions',
          must: 'at most',
          target: 1.05,
          measured: rounds.ratio(EVENTUAL, OFF, cpu),
        },
        {
          what: 'server CPU of mode `eventual`, relative to no regions',
          must: 'at most',
          target: 1.02,
          measured: rounds.ratio(EVENTUAL, OFF, serverCpu),
        },
      ],
      data: rounds,
    }
  },
}
