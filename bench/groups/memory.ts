// Decisions on the memory store, beside a bare Map and a peer.
import { MeasuredProcess, runProcesses } from '../measure/process.ts'
import { Rounds, type Sample, type Settings } from '../measure/rounds.ts'
import type { Group, Report, Table, Target } from '../report/report.ts'

export const BARE = 'a bare Map of counters'
export const SLUICE = 'Sluice, sliding window'
export const PEER = 'rate-limiter-flexible'
const THREE = 'Sluice, three limits'
/** Each contender, and its name in memory-contenders.ts. */
const CONTENDERS: Readonly<Record<string, string>> = {
  [BARE]: 'map',
  [SLUICE]: 'sliding',
  'Sluice, fixed window': 'fixed',
  'Sluice, token bucket': 'bucket',
  [THREE]: 'three',
  [PEER]: 'flexible',
}

/** The lanes in which all contenders share one process, with one limit and with three. The first three contenders are compared. */
const LANES = [
  { limits: 'one limit', contenders: { [BARE]: 'map', [SLUICE]: 'sliding', [PEER]: 'flexible', [`${SLUICE}, awaited`]: 'awaited' } },
  {
    limits: 'three limits',
    contenders: { [`${BARE}, three each`]: 'mapThree', [THREE]: 'three', [`${PEER}, called three times`]: 'flexibleThree' },
  },
] as const
const LANE_SUBJECTS = [1_000, 100_000]

export const memory: Group = {
  name: 'memory',
  title: 'In memory',
  about:
    '100,000 subjects in random order, the same for all, through the public `consume`. The limits are out of reach. Each contender has a process of its own, and they take turns. In the tables below the first, all contenders of a table share one process.',
  full: [25, 300],
  quick: [7, 120],
  async run(settings) {
    const rounds = await inMemory(Object.keys(CONTENDERS), 100_000, settings)
    const shared: Lane[] = []
    for (const subjects of LANE_SUBJECTS)
      for (const { limits, contenders } of LANES) shared.push(await inOneProcess(contenders, limits, subjects, settings))
    return {
      tables: [
        {
          columns: ['contender', 'decisions/s', 'of the Map', 'lower quartile', 'CPU µs'],
          rows: rounds.names.map((name) => row(rounds, name)),
        },
        ...shared.map(({ table }) => table),
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
        ...shared.flatMap(({ targets }) => targets),
      ],
      charts: [
        {
          file: 'memory',
          title: 'In memory, 100,000 subjects',
          unit: 'decisions/s',
          series: rounds.names.map((name) => ({ name, values: [rounds.median(name)] })),
        },
      ],
      data: { ...rounds.toJSON(), ...Object.fromEntries(shared.map(({ table, rounds }) => [table.title, rounds])) },
    }
  },
}

interface Lane {
  readonly rounds: Rounds
  readonly table: Table
  readonly targets: Report['targets']
}

/** All contenders in turns in one process, as in an application that has one limiter or another. */
async function inOneProcess(
  contenders: Readonly<Record<string, string>>,
  limits: string,
  subjects: number,
  settings: Settings,
): Promise<Lane> {
  const ids = Object.values(contenders)
  const ms = settings.isQuick ? settings.ms / 2 : settings.ms
  const child = new MeasuredProcess('groups/memory-shared-process.ts', [subjects, settings.rounds, ms, ...ids].map(String), [HEAP])
  const samples = await child.nextMessage<Record<string, readonly Sample[]>>()
  child.stop()
  const rounds = new Rounds(new Map(Object.entries(contenders).map(([name, id]) => [name, samples[id] as readonly Sample[]])))
  const [bare, ours, peer] = rounds.names as [string, string, string]
  const title = `All in one process: ${limits}, ${subjects.toLocaleString('en')} subjects`
  const target = (other: string, what: string, value: number): Target => ({
    what: `in one process, ${limits}, ${subjects.toLocaleString('en')} subjects, relative to ${what}`,
    must: 'at least',
    target: value,
    measured: rounds.ratio(ours, other),
  })
  return {
    rounds,
    table: {
      title,
      columns: ['contender', 'decisions/s', 'of the Map', 'of the peer', 'lower quartile', 'CPU µs'],
      rows: rounds.names.map((name) => [
        name,
        Math.round(rounds.median(name)),
        rounds.ratio(name, bare),
        rounds.ratio(name, peer),
        rounds.lowerQuartile(name, peer),
        rounds.median(name, (sample) => sample.cpu),
      ]),
    },
    targets: [target(peer, PEER, 2), target(bare, 'the bare Map', 0.35)],
  }
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
