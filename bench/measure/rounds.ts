// Contenders take turns: every round visits each of them once, in an order that rotates. A slow moment of the machine then falls on all of
// them alike. Ratios are taken within a round, and reported as their median and their lower quartile.

/** What one turn of a contender measured. */
export interface Sample {
  /** Operations a second. */
  readonly rate: number
  /** µs of CPU for one operation, of the process that is measured. */
  readonly cpu: number
  /** µs of CPU for one operation, of the Redis server behind it. */
  readonly serverCpu?: number
  /** ms. */
  readonly p50?: number
  /** ms. */
  readonly p99?: number
}

/** One of the programs that are compared. */
export interface Contender {
  readonly name: string
  readonly turn: (ms: number) => Promise<Sample>
}

export interface Settings {
  readonly isQuick: boolean
  readonly rounds: number
  /** Length of one turn. */
  readonly ms: number
}

type Measure = (sample: Sample) => number

const rateOf: Measure = ({ rate }) => rate

/** The samples of every contender, in the order of the rounds. */
export class Rounds {
  readonly names: readonly string[]
  private readonly samples: ReadonlyMap<string, readonly Sample[]>

  constructor(samples: ReadonlyMap<string, readonly Sample[]>) {
    this.samples = samples
    this.names = [...samples.keys()]
  }

  of(name: string): readonly Sample[] {
    const samples = this.samples.get(name)
    if (samples === undefined) throw new Error(`No contender is named "${name}".`)
    return samples
  }

  median(name: string, measure: Measure = rateOf): number {
    return quantile(this.of(name).map(measure), 0.5)
  }

  /** The median of the ratios of `name` to `other` in each round, or another quantile of them. */
  ratio(name: string, other: string, measure: Measure = rateOf, at = 0.5): number {
    const others = this.of(other)
    const ratios = this.of(name).map((sample, round) => measure(sample) / measure(others[round] as Sample))
    return quantile(ratios, at)
  }

  lowerQuartile(name: string, other: string): number {
    return this.ratio(name, other, rateOf, 0.25)
  }

  /** µs of CPU for one operation, in the lower quartile of the rounds: other programs of the machine only ever add to it. */
  lowerCpu(name: string): number {
    return quantile(
      this.of(name).map(({ cpu }) => cpu),
      0.25,
    )
  }

  /** The name with the highest median rate. */
  fastest(names: readonly string[]): string {
    return names.toSorted((a, b) => this.median(b) - this.median(a))[0] as string
  }

  toJSON(): Readonly<Record<string, readonly Sample[]>> {
    return Object.fromEntries(this.samples)
  }
}

/** One turn of each contender that does not count, to warm up, then the rounds. */
export async function runRounds(contenders: readonly Contender[], { rounds, ms }: Settings): Promise<Rounds> {
  const samples = new Map(contenders.map(({ name }) => [name, [] as Sample[]]))
  for (const contender of contenders) await contender.turn(ms)
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < contenders.length; i++) {
      const contender = contenders[(i + round) % contenders.length] as Contender
      samples.get(contender.name)?.push(await contender.turn(ms))
    }
  }
  return new Rounds(samples)
}

/** The rounds of several runs of the same contenders. */
export function joined(runs: readonly Rounds[]): Rounds {
  const names = runs[0]?.names ?? []
  return new Rounds(new Map(names.map((name) => [name, runs.flatMap((rounds) => rounds.of(name))])))
}

export function quantile(values: readonly number[], at: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * at))] ?? Number.NaN
}

/** µs of CPU that this process has used. */
export function cpuMicros(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}
