// What observers of the process, and a block list, cost a request.
import { MeasuredProcess, runProcesses } from '../measure/process.ts'
import { quantile } from '../measure/rounds.ts'
import type { Group } from '../report/report.ts'

const OFF = 'nobody listens'
const DECISIONS = '`observe({ decision })`'
const REFUSALS = '`observe({ refusal })`, none refused'
const BLOCKS = '`blockList` that blocks nobody'
const CONTENDERS: Readonly<Record<string, string>> = { [OFF]: 'off', [DECISIONS]: 'decisions', [REFUSALS]: 'refusals', [BLOCKS]: 'blocks' }

export const observed: Group = {
  name: 'observed',
  title: 'Observers and block lists',
  about:
    'One sliding window on the memory store, decided by the pipeline that all adapters use, with headers and without a framework. 10,000 clients. The observers and the list do nothing, so the rows show what core adds for them: facts, a queue, calls. Each contender has a process of its own.',
  full: [25, 300],
  quick: [7, 120],
  async run(settings) {
    const start = (id: string) => new MeasuredProcess('groups/observed-process.ts', [id])
    const rounds = await runProcesses(new Map(Object.entries(CONTENDERS).map(([name, id]) => [name, start(id)])), settings)
    // The lower quartile: what other programs on the machine add is more than what is measured.
    const cpu = (name: string) =>
      quantile(
        rounds.of(name).map((sample) => sample.cpu),
        0.25,
      )
    return {
      tables: [
        {
          columns: ['contender', 'requests/s', 'of nobody', 'lower quartile', 'CPU µs, lower quartile'],
          rows: rounds.names.map((name) => [
            name,
            Math.round(rounds.median(name)),
            rounds.ratio(name, OFF),
            rounds.lowerQuartile(name, OFF),
            cpu(name),
          ]),
        },
      ],
      targets: [
        { what: 'decisions observed: µs of CPU more than nobody', must: 'at most', target: 0.3, measured: cpu(DECISIONS) - cpu(OFF) },
      ],
      data: rounds.toJSON(),
    }
  },
}
