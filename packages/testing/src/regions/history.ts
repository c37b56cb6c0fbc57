import type { Charge, Outcome } from '@sluice/core'
import type { RegionsModule, RegionViolation } from './types.ts'
import type { WindowOracle } from './window-oracle.ts'
import { type HistoryOptions, POLICY, type Region, scopeOf, SECOND, SUBJECT, textOf, World } from './world.ts'

/**
 * Plays one random history of regions in mode `eventual`: decisions, give-backs, resets and rule changes in two or three regions with two
 * processes each, while messages are lost, doubled and reordered, processes and connections end, data is lost, clocks differ, and regions are
 * cut off. After each step every region must count each unit once: those that it admitted, and those that it heard of.
 * @returns the first promise that was broken; `undefined` if all were kept
 */
export async function playEventual(
  regions: RegionsModule,
  seed: number,
  options: HistoryOptions = {},
): Promise<RegionViolation | undefined> {
  return new History(regions, seed, options).play()
}

class History extends World {
  async play(): Promise<RegionViolation | undefined> {
    for (const region of this.all) for (const process of region.processes) await process.exchange.start()
    const steps = this.random.int(20, 70)
    for (let i = 0; i < steps && this.violation === undefined; i++) {
      await this.pass(this.random.pick([50_000, 300_000, 300_000, SECOND, 2 * SECOND, this.random.int(0, 12 * SECOND)]))
      this.act()
    }
    if (this.violation === undefined) await this.settle()
    for (const region of this.all) for (const process of region.processes) await process.exchange.close()
    return this.violation
  }

  private act(): void {
    const { random } = this
    const dice = random.next()
    const region = random.pick(this.all)
    if (dice < 0.68 || this.isCalm) return this.decide(region)
    if (dice < 0.78) return this.giveBack(region)
    if (dice < 0.8) return this.resetLimits(region)
    if (dice < 0.83) return this.crash(region)
    if (dice < 0.86) return void (random.pick(region.processes).broken = random.pick(['lost', 'fails'] as const))
    if (dice < 0.9) return void (this.applyBreaks += 1)
    if (dice < 0.91) return this.lose(region)
    if (dice < 0.94) return this.cut(region)
    if (dice < 0.96) return this.network.replay(region.index)
    if (dice < 0.98) return this.changeRule()
    // A bucket that has ended is dropped, and would count again after the clock has stepped back.
    if (this.buckets.size === 0) region.skew += random.int(-300_000, 300_000)
  }

  private decide(region: Region, units = this.random.pick([1, 1, 1, 2, 5]), isWhole = this.random.chance(0.8)): void {
    const limits = isWhole ? this.limits : [this.random.pick(this.limits)]
    const charges = limits.map((limit) => ({ limit, scope: scopeOf(limit), subject: SUBJECT, cost: units }))
    const isForced = !this.isCalm && this.random.chance(0.03)
    const outcomes = region.store.decide(POLICY, charges, isForced ? 'force' : 'charge')
    const isAllowed = outcomes.every(({ allowed }) => allowed)
    this.log(region, isForced ? 'forced' : 'decided', () => [isAllowed, units, limits.map(textOf)])
    const { exchange } = this.random.pick(region.processes)
    charges.forEach((charge, i) => {
      const outcome = outcomes[i] as Outcome
      exchange.touched(charge, isAllowed ? outcome.granted : 0)
      if (isAllowed) this.admitted(region, charge, outcome, isForced)
      const text = textOf(charge.limit)
      if (isForced) this.buckets.get(text)?.adopt(region.index, region.store.read(POLICY, SUBJECT, text), region.store.now)
    })
    this.check(region)
  }

  private admitted(region: Region, charge: Charge, outcome: Outcome, isForced: boolean): void {
    const { limit } = charge
    const { now } = region.store
    const text = textOf(limit)
    this.taken.push({ region: region.index, charge, outcome, generation: this.generationOf(region.index, text) })
    const bucket = this.buckets.get(text)
    const start = bucket === undefined ? startIn(outcome.receipt) : 0
    bucket?.took(region.index, outcome.granted, now)
    const window = this.windows.get(text)
    window?.took(region.index, start, outcome.granted)
    if (this.isCalm) this.admissions.push({ region: region.index, text, start, at: this.time.now, units: outcome.granted })
    if (isForced) return
    const excess = bucket?.excess(region.index, now) ?? (window as WindowOracle).excess(region.index, start, Math.floor(now / 1000))
    const more = window === undefined ? 0 : window.limit.limit - limit.limit
    if (excess + more > 0) this.report('A ≤ L + U', region, `${text}: ${excess + more} more than it may, by what it knows`)
    if (this.isCalm && window !== undefined) this.checkLag(region, window, text, start)
  }

  private giveBack(region: Region): void {
    const own = this.taken.filter(
      (each) => each.region === region.index && this.generationOf(each.region, textOf(each.charge.limit)) === each.generation,
    )
    if (own.length === 0) return
    const { charge, outcome } = this.random.pick(own.slice(-4))
    const { receipt } = outcome
    if (receipt === undefined) return
    const back: Charge = { ...charge, cost: -outcome.granted, receipt }
    this.taken.splice(
      this.taken.findIndex((each) => each.outcome === outcome),
      1,
    )
    const [given] = region.store.decide(POLICY, [back])
    const units = -Math.abs(given?.granted ?? 0)
    this.log(region, 'gave back', () => [units, receipt, textOf(charge.limit)])
    const text = textOf(charge.limit)
    const bucket = this.buckets.get(text)
    bucket?.took(region.index, units, region.store.now)
    if (bucket !== undefined) bucket.adopt(region.index, region.store.read(POLICY, SUBJECT, text), region.store.now)
    this.windows.get(text)?.took(region.index, startIn(receipt), units)
    this.random.pick(region.processes).exchange.touched(charge, 0)
    this.check(region)
  }

  private resetLimits(region: Region): void {
    const limits = this.random.chance(0.5) ? this.limits : [this.random.pick(this.limits)]
    const charges = limits.map((limit) => ({ limit, scope: scopeOf(limit), subject: SUBJECT, cost: 1 }))
    region.store.reset(POLICY, charges, this.terms)
    const { exchange } = this.random.pick(region.processes)
    this.log(region, 'reset', () => limits.map(textOf))
    for (const charge of charges) {
      const text = textOf(charge.limit)
      this.windows.get(text)?.resetNow(region.index, region.store.now)
      this.buckets.get(text)?.resetNow(region.index, region.store.now)
      exchange.touched(charge, 0)
    }
    this.check(region)
  }

  private crash(region: Region): void {
    const at = this.random.int(0, region.processes.length - 1)
    const old = region.processes[at] as Region['processes'][number]
    old.broken = 'lost'
    void old.exchange.close()
    const process = this.newProcess(region)
    region.processes[at] = process
    void process.exchange.start()
  }

  /** All data of a region is lost. */
  private lose(region: Region): void {
    region.store.flush()
    this.log(region, 'lost its data', () => '')
    for (const oracle of [...this.windows.values(), ...this.buckets.values()]) oracle.lost(region.index)
  }

  private cut({ index }: Region): void {
    if (!this.network.cut.delete(index)) this.network.cut.add(index)
  }

  /** Another quantity of a window: its state stays. */
  private changeRule(): void {
    this.limits = this.limits.map((limit) =>
      limit.algorithm === 'tokenBucket' ? limit : Object.freeze({ ...limit, limit: Math.max(2, limit.limit + this.random.int(-5, 5)) }),
    )
    this.largestLimit = Math.max(this.largestLimit, ...this.limits.map(({ limit }) => limit))
  }

  /** Faults end in the middle of a window. Then each region must hear of each unit, before the window ends. */
  private async settle(): Promise<void> {
    const window = 30 * SECOND
    await this.pass(window - (this.time.now % window) + 3 * SECOND)
    if (this.random.chance(0.5)) await this.settleUnused()
    else await this.settleUsed()
    for (const [text, oracle] of this.windows) this.checkDrift(text, oracle)
  }

  /** Messages are lost, then all regions stay in use. */
  private async settleUsed(): Promise<void> {
    for (let i = 0; i < 6; i++) {
      for (const region of this.all) this.decide(region)
      await this.pass(300_000)
    }
    this.heal()
    await this.pass(10.5 * SECOND)
    for (const region of this.all) this.decide(region, 1, true)
    await this.pass(2.5 * SECOND)
    for (const region of this.all) this.decide(region, 1, true)
    await this.pass(6 * SECOND)
  }

  /** No message is lost: what was decided once must be heard of, also of regions that admit little, and after a publication that failed. */
  private async settleUnused(): Promise<void> {
    this.heal()
    const [busy, ...others] = this.all as [Region, ...Region[]]
    for (const region of others) this.decide(region, 1, true)
    await this.pass(3 * SECOND)
    this.random.pick(busy.processes).broken = this.random.chance(0.5) ? 'fails' : undefined
    for (let i = 0; i < 6; i++) {
      this.decide(busy)
      await this.pass(100_000)
    }
    await this.pass(8 * SECOND)
  }
}

function startIn(receipt: unknown): number {
  return Number(String(receipt).split(':')[0])
}
