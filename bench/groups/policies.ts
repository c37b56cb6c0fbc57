// What a document of policies costs a request, beside the same limit as an option.
import { runContenders } from '../measure/process.ts'
import type { Group } from '../report/report.ts'

const OPTIONS = 'the limit as an option'
const ONE = 'a document of one rule'
const MANY = 'a document of 200 rules'
const ATTRIBUTES = 'a document of 200 rules by an attribute'
const OVERRIDES = 'a document of 200 rules and 10,000 overrides'
const CONTENDERS: Readonly<Record<string, string>> = {
  [OPTIONS]: 'options',
  [ONE]: 'one',
  [MANY]: 'many',
  [ATTRIBUTES]: 'attributes',
  [OVERRIDES]: 'overrides',
}

export const policies: Group = {
  name: 'policies',
  title: 'Policies',
  about:
    'One sliding window on the memory store, decided by the pipeline that all adapters use, with headers and without a framework. 10,000 clients. The last of 200 rules is the one that matches. Each contender has a process of its own.',
  full: [25, 300],
  quick: [7, 120],
  async run(settings) {
    const rounds = await runContenders('groups/policies-process.ts', CONTENDERS, settings)
    const cpu = (name: string) => rounds.median(name, (sample) => sample.cpu)
    return {
      tables: [
        {
          columns: ['contender', 'requests/s', 'of the option', 'lower quartile', 'CPU µs'],
          rows: rounds.names.map((name) => [
            name,
            Math.round(rounds.median(name)),
            rounds.ratio(name, OPTIONS),
            rounds.lowerQuartile(name, OPTIONS),
            cpu(name),
          ]),
        },
      ],
      targets: [
        {
          what: '200 rules: µs of CPU more than the option',
          must: 'at most',
          target: 1,
          measured: cpu(MANY) - cpu(OPTIONS),
        },
        {
          what: '200 rules by an attribute: µs of CPU more than the option',
          must: 'at most',
          target: 1,
          measured: cpu(ATTRIBUTES) - cpu(OPTIONS),
        },
      ],
      data: rounds.toJSON(),
    }
  },
}
