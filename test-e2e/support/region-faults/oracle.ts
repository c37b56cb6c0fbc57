// What each region has admitted, and what it has heard of the others by the messages that were delivered. So it says what a region must count.
import { type CountRecord, decodeMessage } from '@sluice/regions/store-kit'

/** A window of one subject: its limit's name, its subject, its start in ms. */
export type WindowKey = `${string} ${string} ${number}`

interface Heard {
  readonly version: number
  readonly units: ReadonlyMap<WindowKey, number>
}

interface Region {
  /** Grows when its data is lost. */
  epoch: number
  readonly own: Map<WindowKey, number>
  /** By region and subject. */
  readonly heard: Map<string, Heard>
}

export class DeliveryOracle {
  private readonly regions: Region[]
  private readonly length: (limit: string) => number

  /** @param length ms of the window of a limit, by its name */
  constructor(regions: number, length: (limit: string) => number) {
    this.regions = Array.from({ length: regions }, () => ({ epoch: 0, own: new Map(), heard: new Map() }))
    this.length = length
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

  /** A region has applied a message. `epoch`: when it began to apply it. */
  delivered(region: number, body: Uint8Array, epoch: number): void {
    const message = decodeMessage(body)
    const { heard, epoch: now } = this.region(region)
    if (message === undefined || epoch !== now) return
    for (const record of message.records) {
      if (record.kind !== 'count') continue
      const name = `${message.from} ${record.subject}`
      if ((heard.get(name)?.version ?? 0) < record.version) heard.set(name, { version: record.version, units: this.unitsOf(record) })
    }
  }

  /** Units that a region must count: what it admitted, and what it has heard of. */
  expected(region: number, key: WindowKey): number {
    const { own, heard } = this.region(region)
    let sum = own.get(key) ?? 0
    for (const { units } of heard.values()) sum += units.get(key) ?? 0
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
