// What events of decisions cost a request.
import { MeasuredProcess, runProcesses } from '../measure/process.ts'
import type { Group } from '../report/report.ts'

const OFF = 'nobody listens'
const OBSERVED = 'an observer that does nothing'
const EVENTS = '`decisionEvents`'
const OFF_REFUSED = 'nobody listens, all refused'
const EVENTS_REFUSED = '`decisionEvents`, all refused'
const CONTENDERS: Readonly<Record<string, string>> = {
  [OFF]: 'off',
  [OBSERVED]: 'observed',
  [EVENTS]: 'events',
  [OFF_REFUSED]: 'off refused',
  [EVENTS_REFUSED]: 'events refused',
}

export const events: Group = {
  name: 'events',
  title: 'Events',
  about:
    'One sliding window on the memory store, decided by the pipeline that all adapters use, with headers and without a framework. 10,000 clients. 1 % of the admitted requests and 1,000 refusals a second become events; the sink takes all of them. Each contender has a process of its own.',
  full: [25, 300],
  quick: [7, 120],
  async run(settings) {
    const start = (id: string) => new MeasuredProcess('groups/events-process.ts', [id])
    const rounds = await runProcesses(new Map(Object.entries(CONTENDERS).map(([name, id]) => [name, start(id)])), settings)
    // The lower quartile, since a busy machine only ever adds to it.
    const cpu = (name: string) => sorted(rounds.of(name).map((sample) => sample.cpu))[Math.floor(rounds.of(name).length / 4)] ?? NaN
    return {
      tables: [
        {
          columns: ['contender', 'requests/s', 'of nobody', 'lower quartile', 'CPU µs, lower quartile'],
          rows: rounds.names.map((name) => {
            const other = name === EVENTS_REFUSED ? OFF_REFUSED : name === OFF_REFUSED ? OFF_REFUSED : OFF
            return [name, Math.round(rounds.median(name)), rounds.ratio(name, other), rounds.lowerQuartile(name, other), cpu(name)]
          }),
        },
      ],
      targets: [
        { what: 'events of admitted requests: µs of CPU more than nobody', must: 'at most', target: 0.3, measured: cpu(EVENTS) - cpu(OFF) },
        {
          what: 'events of refused requests: µs of CPU more than nobody',
          must: 'at most',
          target: 0.3,
          measured: cpu(EVENTS_REFUSED) - cpu(OFF_REFUSED),
        },
      ],
      data: rounds.toJSON(),
    }
  },
}

function sorted(values: readonly number[]): readonly number[] {
  return values.toSorted((a, b) => a - b)
}
