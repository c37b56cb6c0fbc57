// What observers of the process, and a block list, cost a request.
import { runContenders } from '../measure/process.ts'
import type { Group } from '../report/report.ts'
import { requestTable } from '../report/request-table.ts'

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
    const rounds = await runContenders('groups/observed-process.ts', CONTENDERS, settings)
    return {
      tables: [requestTable(rounds, () => OFF)],
      targets: [
        {
          what: 'decisions observed: µs of CPU more than nobody',
          must: 'at most',
          target: 0.3,
          measured: rounds.lowerCpu(DECISIONS) - rounds.lowerCpu(OFF),
        },
      ],
      data: rounds.toJSON(),
    }
  },
}
