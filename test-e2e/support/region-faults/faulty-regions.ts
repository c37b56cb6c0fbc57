// Three regions on real servers, whose network and processes fail. Each admission is compared with what was delivered.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Charge, fixedWindow, type Limit, slidingWindow, type Store } from '@sluice/core'
import { redisStore } from '@sluice/redis'
import { regions, type RegionTransport } from '@sluice/regions'
import { type RedisServer, startRedis, waitUntil } from '@sluice/testing/redis'
import type { Random } from '../simulation/random.ts'
import { type Between, NAMES, type OpenBetween } from './between.ts'
import { DeliveryOracle, type WindowKey } from './oracle.ts'

const LIMIT = 30
const LIMITS: readonly Limit[] = [
  fixedWindow({ name: 'day', limit: LIMIT, window: '1d' }).limit,
  slidingWindow({ name: 'hours', limit: LIMIT, window: '12h' }).limit,
]
const SUBJECTS = Array.from({ length: 8 }, (_, i) => `user:${i}`)
/** ms after which a subject in use is published again, for a message that was lost. */
const AGAIN = 10_000

interface Process {
  readonly store: Store
  /** What is collected next never leaves the process. */
  isEnding: boolean
}

export class FaultyRegions {
  readonly violations: string[] = []
  admissions = 0
  private readonly random: Random
  private readonly open: OpenBetween
  private readonly skews: readonly number[]
  private readonly isForgetful: boolean
  private readonly oracle = new DeliveryOracle(NAMES.length, (name) => Number(LIMITS.find((limit) => limit.name === name)?.window))
  private servers: readonly RedisServer[] = []
  private between: Between | undefined
  private readonly processes: Process[][] = []
  /** By region, the messages that were delivered to it. */
  private readonly delivered: readonly Set<string>[] = NAMES.map(() => new Set())
  /** By region, how many of them came again. */
  private readonly again: number[] = NAMES.map(() => 0)
  private isAsking = true
  /** Decisions without an answer may be counted or not. */
  private unanswered = 0

  /**
   * @param skews ms by which the clock of each region is ahead
   * @param isForgetful messages are delivered and not applied, so that a test can see the fault
   */
  constructor(random: Random, open: OpenBetween, skews: readonly number[] = [0, 0, 0], isForgetful = false) {
    this.random = random
    this.open = open
    this.skews = skews
    this.isForgetful = isForgetful
  }

  async start(): Promise<void> {
    this.servers = await Promise.all(NAMES.map(() => startRedis()))
    const between = await this.open(this.servers)
    this.between = between
    for (const region of NAMES.keys()) this.processes.push([this.newProcess(region), this.newProcess(region)])
    if (!this.isForgetful) await waitUntil('each region has heard of the others', () => this.stores().every(hasHeard), between.patience)
  }

  async stop(): Promise<void> {
    this.isAsking = false
    await Promise.all(this.stores().map((store) => store.close?.()))
    await this.between?.stop()
    await Promise.all(this.servers.map((server) => server.stop()))
  }

  /** Clients ask in random regions for a time. */
  async ask(ms: number, everyMs = 5): Promise<void> {
    const end = Date.now() + ms
    const pending: Promise<void>[] = []
    while (Date.now() < end) {
      const region = this.random.below(NAMES.length)
      pending.push(this.decide(region, SUBJECTS[this.random.below(SUBJECTS.length)] as string))
      await sleep(everyMs)
    }
    await Promise.all(pending)
  }

  /** Nothing passes between a region and the others. */
  cut(region: number, on: boolean): void {
    this.between?.cut(region, on)
  }

  /** A process ends after it has collected counts, before it has sent them. Another one takes its place. */
  async killBeforePublish(region: number): Promise<void> {
    const all = this.processes[region] as Process[]
    await this.kill(region, all[0] as Process)
    all[0] = this.newProcess(region)
  }

  /** A region gets all messages again that are still there. */
  async replay(region: number): Promise<void> {
    let before = this.again[region] ?? 0
    await this.between?.replay(region, async (work) => {
      const all = this.processes[region] as Process[]
      await Promise.all(all.map((process) => this.kill(region, process)))
      await work()
      before = this.again[region] ?? 0
      for (const i of all.keys()) all[i] = this.newProcess(region)
    })
    await waitUntil('messages to come again', () => (this.again[region] ?? 0) > before, this.between?.patience)
  }

  /** Messages of a later version, with records of unknown kinds, and of no form at all. */
  async sendStrange(region: number): Promise<void> {
    const from = JSON.stringify(NAMES[region])
    const at = Math.floor(Date.now())
    const bodies = [
      `{"v":99,"from":${from},"at":${at},"r":[["count","api","user:0",${at}000]]}`,
      `{"v":1,"from":${from},"at":${at},"r":[["later",1],["count","api","user:0",1,["day.unknown.1",0,0,5,0,60,1000,0,"more"]],["offer"]]}`,
      `{"v":1,"from":"mars","at":${at},"r":[]}`,
      'no message',
    ]
    await this.between?.sendStrange(region, bodies)
  }

  /** A region loses its data. No request is under way. */
  async lose(region: number): Promise<void> {
    await this.servers[region]?.call('FLUSHALL')
    this.oracle.lost(region)
  }

  /** The network is well, and each subject is in use: then all regions must count the same, each unit once. */
  async settle(): Promise<void> {
    for (const region of NAMES.keys()) this.between?.cut(region, false)
    await sleep(AGAIN)
    const end = Date.now() + (this.between?.patience ?? 0)
    for (;;) {
      for (const region of NAMES.keys()) for (const subject of SUBJECTS) await this.decide(region, subject)
      for (let i = 0; i < 12; i++) {
        await sleep(500)
        const different = await this.differences()
        if (different.length === 0) return
        if (Date.now() > end) throw new Error(`regions differ:\n${different.join('\n')}`)
      }
    }
  }

  /** What a region counts, where it is not what all have admitted. */
  private async differences(): Promise<readonly string[]> {
    const found: string[] = []
    for (const region of NAMES.keys()) {
      for (const subject of SUBJECTS) {
        const charges = LIMITS.map((limit) => chargeOf(limit, subject))
        const outcomes = await this.processes[region]?.[1]?.store.consume(charges, { how: 'peek' })
        LIMITS.forEach((limit, i) => {
          const used = outcomes?.[i]?.used ?? 0
          const admitted = this.oracle.all(this.keyOf(region, limit, subject))
          if (used < admitted || used > admitted + this.unanswered)
            found.push(`${NAMES[region]} counts ${used} of ${limit.name} of ${subject}, ${admitted} were admitted`)
        })
      }
    }
    return found
  }

  private async kill(region: number, process: Process): Promise<void> {
    process.isEnding = true
    for (const subject of SUBJECTS) await this.decideIn(region, process, subject)
    await sleep(600)
    await process.store.close?.()
  }

  private async decide(region: number, subject: string): Promise<void> {
    const all = (this.processes[region] ?? []).filter(({ isEnding }) => !isEnding)
    const process = all[this.random.below(all.length)]
    if (process !== undefined && this.isAsking) await this.decideIn(region, process, subject)
  }

  private async decideIn(region: number, { store }: Process, subject: string): Promise<void> {
    const keys = LIMITS.map((limit) => this.keyOf(region, limit, subject))
    const asked = this.oracle.asked(region, keys)
    const epoch = this.oracle.epochOf(region)
    try {
      const outcomes = await store.consume(LIMITS.map((limit) => chargeOf(limit, subject)))
      if (!outcomes.every((outcome) => outcome?.allowed)) return
      this.admissions += 1
      keys.forEach((key, i) => {
        this.oracle.admitted(region, key, epoch)
        const units = (asked.least[i] ?? 0) + 1
        if (units > LIMIT && epoch === this.oracle.epochOf(region))
          this.violations.push(`${NAMES[region]} admitted ${key}, though it had admitted and heard of ${units - 1}`)
      })
    } catch {
      this.unanswered += 1
    } finally {
      this.oracle.answered(region, asked)
    }
  }

  private newProcess(region: number): Process {
    const process: { store: Store | undefined; isEnding: boolean } = { store: undefined, isEnding: false }
    const joined = (this.between as Between).join(region)
    const transport: RegionTransport = {
      publish: (messages) => (process.isEnding ? new Promise(() => undefined) : joined.publish(messages)),
      subscribe: (name, apply) =>
        joined.subscribe(name, async (body) => {
          this.noteDelivery(region, body)
          const applied = this.oracle.applying(region, body)
          if (!this.isForgetful) await apply(body)
          applied()
        }),
    }
    const described = regions({
      self: NAMES[region] ?? '',
      all: NAMES,
      transport,
      interval: 200,
      minimum: 0,
      silence: 2_000,
      urgent: this.random.next() < 0.5 ? 0.01 : 1,
    })
    const skew = this.skews[region] ?? 0
    const clock = skew === 0 ? {} : { clock: { now: () => Date.now() + skew } }
    const source = { url: this.servers[region]?.url ?? '' }
    process.store = redisStore(source, { failover: false, denyCache: false, regions: described, ...clock })
    return process as Process
  }

  private noteDelivery(region: number, body: Uint8Array): void {
    const text = Buffer.from(body).toString('latin1')
    const delivered = this.delivered[region] as Set<string>
    if (delivered.has(text)) this.again[region] = (this.again[region] ?? 0) + 1
    delivered.add(text)
  }

  private stores(): readonly Store[] {
    return this.processes.flat().map(({ store }) => store)
  }

  private keyOf(region: number, { name, window }: Limit, subject: string): WindowKey {
    const now = Date.now() + (this.skews[region] ?? 0)
    return `${name} ${subject} ${now - (now % Number(window))}`
  }
}

function chargeOf(limit: Limit, subject: string): Charge {
  return { limit, scope: `api+${limit.name}.${limit.algorithm}`, subject, cost: 1 }
}

function hasHeard(store: Store): boolean {
  const peers = Object.values(store.health?.().regions?.peers ?? {})
  return peers.length > 0 && peers.every(({ heardAt }) => heardAt !== undefined)
}
