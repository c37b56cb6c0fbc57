// Decisions on the memory store, beside a bare Map and a peer.
import { MeasuredProcess, runProcesses } from '../measure/process.ts'
import type { Group } from '../report/report.ts'
import type { Rounds, Settings } from '../measure/rounds.ts'

export const BARE = 'a bare Map of counters'
export const SLUICE = 'Sluice, sliding window'
export const PEER = 'rate-limiter-flexible'
const THREE = 'Sluice, three limits'
/** Each contender, and its name in memory-process.ts. */
const CONTENDERS: Readonly<Record<string, string>> = {
  [BARE]: 'map',
  [SLUICE]: 'sliding',
  'Sluice, fixed window': 'fixed',
  'Sluice, token bucket': 'bucket',
  [THREE]: 'three',
  [PEER]: 'flexible',
}

export const memory: Group = {
  name: 'memory',
  title: 'In memory',
  about:
    '100,000 subjects in random order, the same for all, through the public `consume`. The limits are out of reach. Each contender has a process of its own, and they take turns.',
  full: [25, 300],
  quick: [7, 120],
  async run(settings) {
    const rounds = await inMemory(Object.keys(CONTENDERS), 100_000, settings)
    return {
      tables: [
        {
          columns: ['contender', 'decisions/s', 'of the Map', 'lower quartile', 'CPU µs'],
          rows: rounds.names.map((name) => row(rounds, name)),
        },
      ],
      targets: [
        { what: 'one limit, relative to rate-limiter-flexible', must: 'at least', target: 2.5, measured: rounds.ratio(SLUICE, PEER) },
        { what: 'one limit, relative to the bare Map', must: 'at least', target: 0.5, measured: rounds.ratio(SLUICE, BARE) },
        {
          what: 'three limits in one decision, relative to one limit',
          must: 'at least',
          target: 0.5,
          measured: rounds.ratio(THREE, SLUICE),
        },
      ],
      charts: [
        {
          file: 'memory',
          title: 'In memory, 100,000 subjects',
          unit: 'decisions/s',
          series: rounds.names.map((name) => ({ name, values: [rounds.median(name)] })),
        },
      ],
      data: rounds,
    }
  },
}

function row(rounds: Rounds, name: string): (string | number)[] {
  const cpu = rounds.median(name, (sample) => sample.cpu)
  return [name, Math.round(rounds.median(name)), rounds.ratio(name, BARE), rounds.lowerQuartile(name, BARE), cpu]
}

/** In MB. rate-limiter-flexible takes 5 GB for ten million subjects. */
const HEAP = '--max-old-space-size=12288'

/** Requests every subject once before measuring. */
export function inMemory(names: readonly string[], subjects: number, settings: Settings): Promise<Rounds> {
  const start = (contender: string) => new MeasuredProcess('groups/memory-process.ts', [contender, String(subjects)], [HEAP])
  return runProcesses(new Map(names.map((name) => [name, start(CONTENDERS[name] as string)])), settings)
}
