// What each region has admitted, and what it has heard of the others by the messages that were delivered. So it says what a region must count.
import { type CountRecord, decodeMessage } from '@sluice/regions/store-kit'

/** A window of one subject: its limit's name, its subject, its start in ms. */
export type WindowKey = `${string} ${string} ${number}`

interface Heard {
  readonly version: number
  readonly units: ReadonlyMap<WindowKey, number>
}

interface Applying extends Heard {
  /** Region and subject. */
  readonly name: string
}

/** A decision without an answer yet. */
export interface OpenDecision {
  readonly keys: readonly WindowKey[]
  /** By key, the fewest units that the region must have counted at any time since the decision was asked for. */
  readonly least: number[]
}

interface Region {
  /** Grows when its data is lost. */
  epoch: number
  readonly own: Map<WindowKey, number>
  /** By region and subject. */
  readonly heard: Map<string, Heard>
  /** What the store may have applied, though it has not answered yet. */
  readonly applying: Set<Applying>
  readonly open: Set<OpenDecision>
}

export class DeliveryOracle {
  private readonly regions: Region[]
  private readonly length: (limit: string) => number

  /** @param length ms of the window of a limit, by its name */
  constructor(regions: number, length: (limit: string) => number) {
    this.regions = Array.from({ length: regions }, () => ({
      epoch: 0,
      own: new Map(),
      heard: new Map(),
      applying: new Set(),
      open: new Set(),
    }))
    this.length = length
  }

  /** A decision is asked for. */
  asked(region: number, keys: readonly WindowKey[]): OpenDecision {
    const decision = { keys, least: keys.map((key) => this.expected(region, key)) }
    this.region(region).open.add(decision)
    return decision
  }

  answered(region: number, decision: OpenDecision): void {
    this.region(region).open.delete(decision)
  }

  admitted(region: number, key: WindowKey, epoch: number): void {
    const { own, epoch: now } = this.region(region)
    if (epoch === now) own.set(key, (own.get(key) ?? 0) + 1)
  }

  /** A region has lost its data. */
  lost(region: number): void {
    const each = this.region(region)
    each.epoch += 1
    each.own.clear()
    each.heard.clear()
  }

  epochOf(region: number): number {
    return this.region(region).epoch
  }

  /**
   * A region begins to apply a message. Its units count from the end on, unless they are fewer than before: those of a region that has lost
   * its data. Returns a function to call when the message is applied.
   */
  applying(region: number, body: Uint8Array): () => void {
    const { applying, open, epoch } = this.region(region)
    const message = decodeMessage(body)
    const given = (message?.records ?? []).flatMap((record): readonly Applying[] =>
      record.kind === 'count' ? [{ name: `${message?.from} ${record.subject}`, version: record.version, units: this.unitsOf(record) }] : [],
    )
    for (const each of given) applying.add(each)
    for (const { keys, least } of open) keys.forEach((key, i) => (least[i] = Math.min(least[i] ?? 0, this.expected(region, key))))
    return () => {
      const { heard, epoch: now } = this.region(region)
      for (const each of given) {
        applying.delete(each)
        if (epoch === now && each.version > (heard.get(each.name)?.version ?? 0)) heard.set(each.name, each)
      }
    }
  }

  /** Units that a region must count: what it admitted, and what it has heard of. */
  private expected(region: number, key: WindowKey): number {
    const { own, heard, applying } = this.region(region)
    let sum = own.get(key) ?? 0
    for (const [name, { version, units }] of heard) {
      const later = Array.from(applying).filter((each) => each.name === name && each.version > version)
      sum += Math.min(...[units, ...later.map((each) => each.units)].map((each) => each.get(key) ?? 0))
    }
    return sum
  }

  /** Units that all regions have admitted, as far as their data was not lost. */
  all(key: WindowKey): number {
    return this.regions.reduce((sum, { own }) => sum + (own.get(key) ?? 0), 0)
  }

  private unitsOf({ subject, entries }: CountRecord): ReadonlyMap<WindowKey, number> {
    const units = new Map<WindowKey, number>()
    for (const { text, start, units: current, before } of entries) {
      const limit = text.slice(0, text.indexOf('.'))
      units.set(`${limit} ${subject} ${start}`, current)
      units.set(`${limit} ${subject} ${start - this.length(limit)}`, before)
    }
    return units
  }

  private region(region: number): Region {
    return this.regions[region] as Region
  }
}
