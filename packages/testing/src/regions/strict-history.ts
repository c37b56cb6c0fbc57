import { type Process, type Region, SECOND, StrictWorld } from './strict-world.ts'
import type { RegionsModule, RegionViolation } from './types.ts'

/**
 * Plays one random history of regions in mode `strict`: decisions, give-backs, resets, new share tables, in two or three regions, while messages
 * are lost, doubled and reordered, processes end, data is lost, clocks differ, and regions are cut off.
 * @returns the first promise that was broken; `undefined` if all were kept
 */
export async function playStrict(
  regions: RegionsModule,
  seed: number,
  log: (line: string) => void = () => undefined,
): Promise<RegionViolation | undefined> {
  return new StrictHistory(regions, seed, log).play()
}

class StrictHistory extends StrictWorld {
  async play(): Promise<RegionViolation | undefined> {
    const { random } = this
    for (const region of this.all) for (const process of region.processes) await this.begin(region, process)
    this.time.after(SECOND, () => this.beat())
    // The table comes to each region at another time.
    for (const region of this.all) this.time.after(random.int(0, 40 * SECOND), () => this.promise(region))
    const steps = random.int(30, 120)
    for (let i = 0; i < steps && this.violation === undefined; i++) {
      await this.time.runUntil(this.time.now + random.pick([50_000, 50_000, 200_000, 200_000, SECOND, random.int(0, 3 * SECOND)]))
      this.act()
    }
    this.checkSlope()
    if (this.violation === undefined) await this.settle()
    return this.violation
  }

  private act(): void {
    const { random } = this
    const region = random.pick(this.all)
    const dice = random.next()
    if (dice < 0.74) return this.decide(region, random.pick([1, 1, 2, 5, 10]))
    if (dice < 0.82) return this.giveBack(region)
    if (dice < 0.84) return this.reset(region)
    if (dice < 0.86) return this.lose(region)
    if (dice < 0.89) return this.crash(region)
    if (dice < 0.92) return void (this.network.cut.delete(region.index) || this.network.cut.add(region.index))
    if (dice < 0.94) return this.network.replay(region.index)
    if (dice < 0.97) return void (this.network.deaf.delete(region.index) || this.network.deaf.add(region.index))
    this.promise(region)
  }

  private decide(region: Region, cost: number): void {
    const process = this.random.pick(region.processes)
    const rights = this.rightsOf(region, process)
    if (rights === undefined) return
    const { isAllowed, start, free } = region.store.decide(this.shape, rights, cost)
    this.log(region, 'decided', () => [isAllowed, cost, rights, free, region.store.entry])
    if (isAllowed) {
      region.used.set(start, (region.used.get(start) ?? 0) + cost)
      this.admissions.push({ region: region.index, start, at: this.time.now, units: cost, generation: region.generation })
    }
    const key = { policy: 'api', subject: 'user:1', shape: this.shape }
    void process.exchange.decided(key, rights, free, isAllowed ? 0 : cost)
    this.check(region)
    if (isAllowed) this.checkWindow(region, start)
  }

  private giveBack(region: Region): void {
    const own = this.admissions.filter((each) => each.region === region.index && each.generation === region.generation && each.units > 0)
    if (own.length === 0) return
    const admission = this.random.pick(own.slice(-3))
    const units = region.store.giveBack(this.shape, admission.start, admission.units)
    this.log(region, 'gave back', () => [units, admission.start])
    admission.units -= units
    region.used.set(admission.start, (region.used.get(admission.start) ?? 0) - units)
    this.check(region)
  }

  private reset(region: Region): void {
    this.log(region, 'reset', () => region.store.entry)
    region.store.reset(this.shape)
    this.forget(region, 0)
    this.check(region)
  }

  private lose(region: Region): void {
    const donated = Object.values(region.store.entry.transfers?.donated ?? {}).reduce((sum, units) => sum + units, 0)
    this.log(region, 'lost its data', () => donated)
    region.store.flush()
    this.forget(region, donated)
  }

  /** What was used may be used again. */
  private forget(region: Region, donated: number): void {
    const current = region.store.shapeAt(this.shape).start as number
    const sum = (region.used.get(current) ?? 0) + (region.used.get(current - this.shape.P) ?? 0) + donated
    this.forgotten.set(current, (this.forgotten.get(current) ?? 0) + sum)
    region.used = new Map()
    region.generation += 1
  }

  private crash(region: Region): void {
    const [old] = region.processes as [Process]
    old.isDead = true
    // For a while it still gets messages, and what it does with them is lost.
    this.time.after(SECOND, () => old.end())
    const process = this.newProcess(region)
    region.processes = [...region.processes.slice(1), process]
    void this.begin(region, process)
  }

  private async begin(region: Region, process: Process): Promise<void> {
    const end = await this.subscribe(region, process.exchange)
    process.end = () => void end()
  }

  private checkWindow(region: Region, start: number): void {
    if (this.shape.kind !== 'fixed') return
    const sum = this.admissions.reduce((total, each) => total + (each.start === start ? each.units : 0), 0)
    const bound = this.units + (this.forgotten.get(start) ?? 0)
    if (sum > bound) this.report('A(window) ≤ L', region, `${sum} of ${bound}`)
  }

  /** A(t) ≤ L(1 + (t + skew)/W), in every interval. */
  private checkSlope(): void {
    const { kind, P } = this.shape
    if (kind !== 'sliding') return
    const forgotten = [...this.forgotten.values()].reduce((sum, units) => sum + units, 0)
    const bound = this.units * (1 + (2 * this.longestSkew) / 1000 / P) + forgotten
    let [worst, last] = [0, 0]
    for (const { at, units } of this.admissions) {
      worst = Math.max(0, worst - (this.units * (at - last)) / 1000 / P) + units
      last = at
      if (worst > bound + 1e-6) this.report('A(t) ≤ L(1 + t/W)', this.all[0] as Region, `${worst} of ${bound}`)
    }
  }

  /** No fault any more, and one busy region: it must get what the others can spare. */
  private async settle(): Promise<void> {
    const { P } = this.shape
    Object.assign(this.network.faults, { loss: 0.2, longestWay: 50_000 })
    this.network.cut.clear()
    this.network.deaf.clear()
    // After two windows nothing of before counts.
    await this.time.runUntil((Math.ceil(this.time.now / 1000 / P) + 2) * P * 1000 + 2 * this.longestSkew)
    const [busy] = this.all as [Region]
    const before = this.admissions.length
    const end = this.time.now + P * 1000 - 4 * this.longestSkew - 500_000
    while (this.time.now < end) {
      this.decide(busy, 1)
      await this.time.runUntil(this.time.now + 100_000)
    }
    const sum = this.admissions.slice(before).reduce((total, { units }) => total + units, 0)
    const asked = Math.floor((P * 1000 - 4 * this.longestSkew) / 100_000)
    const rights = this.all.reduce((total, region) => total + (this.rightsOf(region, region.processes[0] as Process) ?? 0), 0)
    const least = Math.min(asked, rights) * 0.4 - 3
    if (sum < least) this.report('rights come', busy, `${sum} of ${rights} in a window where the others used nothing`)
  }
}
