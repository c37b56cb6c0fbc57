// What events of decisions cost a request.
import { runContenders } from '../measure/process.ts'
import type { Group } from '../report/report.ts'
import { requestTable } from '../report/request-table.ts'

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
    const rounds = await runContenders('groups/events-process.ts', CONTENDERS, settings)
    return {
      tables: [requestTable(rounds, (name) => (name === EVENTS_REFUSED || name === OFF_REFUSED ? OFF_REFUSED : OFF))],
      targets: [
        {
          what: 'events of admitted requests: µs of CPU more than nobody',
          must: 'at most',
          target: 0.3,
          measured: rounds.lowerCpu(EVENTS) - rounds.lowerCpu(OFF),
        },
        {
          what: 'events of refused requests: µs of CPU more than nobody',
          must: 'at most',
          target: 0.3,
          measured: rounds.lowerCpu(EVENTS_REFUSED) - rounds.lowerCpu(OFF_REFUSED),
        },
      ],
      data: rounds.toJSON(),
    }
  },
}
