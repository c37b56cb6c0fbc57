// The local path: decisions a second of one process, beside the bare bound and a peer.
import { Child, inProcesses } from '../child.ts'
import type { Group } from '../report.ts'
import type { Rounds, Settings } from '../rounds.ts'

export const BARE = 'a bare Map of counters'
export const SLUICE = 'Sluice, sliding window'
export const PEER = 'rate-limiter-flexible'
const THREE = 'Sluice, three limits'
/** As memory-process.ts names them. */
const LANES: Readonly<Record<string, string>> = {
  [BARE]: 'bare',
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
    '100,000 subjects at random, through the public `consume`, each asked for in the same order; limits that nobody reaches. A process for each lane; each takes its turn.',
  full: [25, 300],
  quick: [7, 120],
  async run(settings) {
    const rounds = await inMemory(Object.keys(LANES), 100_000, settings)
    return {
      tables: [
        { columns: ['lane', 'decisions/s', 'of the Map', 'lower quartile', 'CPU µs'], rows: rounds.names.map((name) => row(rounds, name)) },
      ],
      bars: [
        { what: 'one limit, of rate-limiter-flexible', must: 'at least', bar: 2.5, got: rounds.ratio(SLUICE, PEER) },
        { what: 'one limit, of the bare Map', must: 'at least', bar: 0.5, got: rounds.ratio(SLUICE, BARE) },
        { what: 'three limits in one decision, of one', must: 'at least', bar: 0.5, got: rounds.ratio(THREE, SLUICE) },
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
  const cpu = rounds.median(name, (turn) => turn.cpu)
  return [name, Math.round(rounds.median(name)), rounds.ratio(name, BARE), rounds.ratio(name, BARE, undefined, 0.25), cpu]
}

/** MB: of ten million subjects, those of rate-limiter-flexible take 5 GB. */
const HEAP = '--max-old-space-size=12288'

/** Every subject has come before it counts. */
export function inMemory(names: readonly string[], subjects: number, settings: Settings): Promise<Rounds> {
  const start = (lane: string) => new Child('groups/memory-process.ts', [lane, String(subjects)], [HEAP])
  return inProcesses(new Map(names.map((name) => [name, start(LANES[name] as string)])), settings)
}
