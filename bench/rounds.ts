// Lanes that take turns in one run: every round visits all of them, in an order that rotates, so that a slow moment of the machine falls
// on each alike. What is compared is a ratio within a round; what is told of the ratios is their median and their quartile.

/** What one turn of a lane gave. */
export interface Turn {
  /** Operations a second. */
  readonly rate: number
  /** µs of CPU an operation, of the process that is measured. */
  readonly cpu: number
  /** µs of CPU an operation, of the server behind it. */
  readonly server?: number
  /** ms. */
  readonly p50?: number
  readonly p99?: number
  /** Other measures, by name. */
  readonly more?: Readonly<Record<string, number>>
}

export interface Lane {
  readonly name: string
  readonly turn: (ms: number) => Promise<Turn>
}

export interface Settings {
  readonly isQuick: boolean
  readonly rounds: number
  /** Of one turn. */
  readonly ms: number
}

type Pick = (turn: Turn) => number

/** The turns of every lane, by round. */
export class Rounds {
  readonly names: readonly string[]
  private readonly turns: ReadonlyMap<string, readonly Turn[]>

  constructor(turns: ReadonlyMap<string, readonly Turn[]>) {
    this.turns = turns
    this.names = [...turns.keys()]
  }

  of(name: string): readonly Turn[] {
    const turns = this.turns.get(name)
    if (turns === undefined) throw new Error(`no lane is named "${name}"`)
    return turns
  }

  median(name: string, pick: Pick = (turn) => turn.rate): number {
    return quantile(this.of(name).map(pick), 0.5)
  }

  /** Of the ratios `name` to `other`, one a round: the median, or another quantile. */
  ratio(name: string, other: string, pick: Pick = (turn) => turn.rate, at = 0.5): number {
    const others = this.of(other)
    return quantile(
      this.of(name).map((turn, round) => pick(turn) / pick(others[round] as Turn)),
      at,
    )
  }

  /** Of the others, which has the highest median rate. */
  best(names: readonly string[]): string {
    return names.toSorted((a, b) => this.median(b) - this.median(a))[0] as string
  }

  toJSON(): Readonly<Record<string, readonly Turn[]>> {
    return Object.fromEntries(this.turns)
  }
}

/** One turn of each to warm up, which does not count, then the rounds. */
export async function alternate(lanes: readonly Lane[], { rounds, ms }: Settings): Promise<Rounds> {
  const turns = new Map(lanes.map(({ name }) => [name, [] as Turn[]]))
  for (const lane of lanes) await lane.turn(ms)
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < lanes.length; i++) {
      const lane = lanes[(i + round) % lanes.length] as Lane
      turns.get(lane.name)?.push(await lane.turn(ms))
    }
  }
  return new Rounds(turns)
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
