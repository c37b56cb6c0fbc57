// One process under steady load, with its own limiter on a shared store. It logs every decision, and the times when this thread
// had no processor, so that these do not count as the limiter's latency.
import dns from 'node:dns'
import { createLimiter, type Decision, type Limiter, type StoreEvent } from '@sluice/core'
import { Redis } from 'ioredis'
import { redisStore, type RedisSource, type RedisStoreOptions } from '@sluice/redis'
import { BUSY, DEADLINE, FRESH, FRESH_SUBJECTS, FRESH_TURN, KINDS, LIMITS, type Log, logOf, MANY, SOURCES, SUBJECTS } from './log.ts'

export interface Job {
  readonly source: Exclude<RedisSource, { callBuffer: unknown }>
  readonly options: RedisStoreOptions
  /** True: the store gets a clock that can be shifted. */
  readonly clocked: boolean
  /** URL of a Redis without a fault, behind its own proxy. It shows how busy the machine is. */
  readonly control: string
  readonly failMode: 'local' | 'open' | 'closed'
  /** Requests per second. */
  readonly rate: number
  /** Maximum duration in seconds. */
  readonly seconds: number
}
export type Command =
  | { readonly start: Job }
  | { readonly mark: true }
  | { readonly fresh: true }
  | { readonly dns: boolean }
  | { readonly shift: number }
  | { readonly health: true }
  | { readonly stop: true }
export interface Report {
  readonly log: Log
  readonly decisions: number
  /** Stalls of this thread: from, to, and the ms without a processor in between. */
  readonly stalls: Float64Array
  readonly memory: readonly number[]
  /** Slow PINGs of the Redis without a fault: when, and ms until the answer. */
  readonly control: readonly (readonly [t: number, took: number])[]
  readonly failures: readonly string[]
  readonly unhandled: readonly string[]
  readonly events: readonly (StoreEvent & { readonly t: number })[]
}

/** ms, comparable between processes of one machine. */
const now = (): number => performance.timeOrigin + performance.now()
const unhandled: string[] = []
process.on('unhandledRejection', (error) => unhandled.push(String((error as Error)?.stack ?? error)))
process.on('uncaughtException', (error) => unhandled.push(String(error.stack)))
// Node warns here about leaked listeners.
process.on('warning', (warning) => unhandled.push(`${warning.name}: ${warning.message}`))

// Resolves the name of the server, since the resolver of the machine cannot be disabled for one process.
let isKnown = true
const lookup = dns.lookup
dns.lookup = ((name: string, ...rest: unknown[]) => {
  if (name !== 'redis.test') return (lookup as (...all: unknown[]) => void)(name, ...rest)
  const callback = rest.at(-1) as (error: Error | null, ...found: unknown[]) => void
  if (isKnown) return (lookup as (...all: unknown[]) => void)('127.0.0.1', ...rest)
  setTimeout(() => callback(Object.assign(new Error('getaddrinfo ENOTFOUND redis.test'), { code: 'ENOTFOUND' })), 5)
}) as typeof dns.lookup

class Load {
  private readonly job: Job
  private readonly log: Log
  private readonly stalls: Float64Array
  private readonly limiters: readonly Limiter[]
  private readonly inMemory: readonly Limiter[]
  private readonly store: ReturnType<typeof redisStore>
  private readonly failures: string[] = []
  private readonly events: (StoreEvent & { t: number })[] = []
  private readonly memory: number[] = []
  private readonly control: [number, number][] = []
  private readonly controlClient: Redis
  private decisions = 0
  private stalled = 0
  private isFresh = false
  private isOver = false
  private firstFresh: number | undefined
  private inFlight = 0

  constructor(job: Job) {
    this.job = job
    // Outside the heap and in full size from the start, so that growing memory is the limiter's.
    this.log = logOf(Math.ceil(job.rate * job.seconds * 1.2))
    this.stalls = new Float64Array(3 * 200_000)
    this.controlClient = new Redis(job.control)
    this.store = redisStore(job.source, job.clocked ? { ...job.options, clock: { now: () => Date.now() + shift } } : job.options)
    const on = {
      breaker: (event: StoreEvent) => this.record(event),
      anomaly: (event: StoreEvent) => this.record(event),
      warning: () => undefined,
    }
    this.inMemory = LIMITS.map((limit) => createLimiter({ name: `memory-${limit.name}`, limits: [{ limit }], on }))
    this.limiters = LIMITS.map((limit) =>
      createLimiter({ name: `load-${limit.name}`, limits: [{ limit }], store: this.store, failMode: job.failMode, on }),
    )
  }

  async start(): Promise<void> {
    this.watch(now(), process.threadCpuUsage())
    this.tick(now(), 0)
    void this.pingControl()
    // Waits for a connection and one decision by the store.
    while (!this.isOver) {
      const decision = await this.limiters[MANY]?.consume('first')
      if (decision?.outcomes[0]?.source === 'redis') break
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  mark(): void {
    const gc = globalThis.gc as () => void
    gc()
    gc()
    const { heapUsed, external } = process.memoryUsage()
    this.memory.push(heapUsed + external)
  }

  isNormal(): boolean {
    return this.limiters[MANY]?.health().breaker === 'closed'
  }

  fresh(): void {
    this.isFresh = true
  }

  async stop(): Promise<Report> {
    this.isOver = true
    const end = now() + 3_000
    while (this.inFlight > 0 && now() < end) await new Promise((resolve) => setTimeout(resolve, 5))
    if (this.inFlight > 0) this.failures.push(`${this.inFlight} decisions hang`)
    this.mark()
    for (const limiter of [...this.limiters, ...this.inMemory]) await limiter.close()
    await this.store.close?.()
    this.controlClient.disconnect()
    const { log, decisions, memory, failures, events, control } = this
    return {
      log,
      decisions,
      stalls: this.stalls.slice(0, 3 * this.stalled),
      memory,
      control,
      failures,
      unhandled: unhandled.splice(0),
      events,
    }
  }

  private record(event: StoreEvent): void {
    if (this.events.length < 1_000) this.events.push({ ...event, t: now() })
  }

  /** Sends requests at an even rate, and catches up after a stall. */
  private tick(started: number, sent: number): void {
    if (this.isOver) return
    const due = Math.floor(((now() - started) * this.job.rate) / 1000)
    for (let i = sent; i < due; i += 1) this.request(i)
    setTimeout(() => this.tick(started, Math.max(sent, due)), 4)
  }

  private request(i: number): void {
    const kind = this.isFresh && i % 2 === 0 ? FRESH : KINDS[i % KINDS.length]!
    const subject = kind === MANY ? i % SUBJECTS : kind === FRESH ? this.freshOf(i) : 0
    const index = this.decisions
    if (index >= this.log.t.length) return
    this.decisions += 1
    this.log.kind[index] = kind
    this.log.subject[index] = subject
    const name = this.nameOf(kind, subject)
    const before = now()
    void this.inMemory[kind]!.consume(name)
    const sent = now()
    this.log.memory[index] = sent - before
    this.log.t[index] = sent
    this.timePlainTimers(index, sent)
    try {
      const decision = this.limiters[kind]!.consume(name)
      if (decision instanceof Promise) {
        this.inFlight += 1
        decision.then(
          (decision) => this.decided(index, sent, decision),
          (error: unknown) => this.failed(index, sent, error),
        )
      } else this.note(index, sent, decision)
    } catch (error) {
      this.failures.push(String((error as Error).stack))
    }
  }

  /** Measures how late plain timers are that wait as a deadline does: a macrotask, the deadline, another macrotask. */
  private timePlainTimers(index: number, sent: number): void {
    const done = () => (this.log.late[index] = Math.max(0, now() - sent - DEADLINE - 2))
    setTimeout(() => setTimeout(() => setTimeout(done, 0).unref(), DEADLINE).unref(), 0).unref()
  }

  private freshOf(i: number): number {
    this.firstFresh ??= i
    return FRESH_SUBJECTS * Math.floor((i - this.firstFresh) / FRESH_TURN) + (i % FRESH_SUBJECTS)
  }

  private nameOf(kind: number, subject: number): string {
    if (kind !== FRESH) return `subject-${subject}`
    // With a clock in each process, decisions of two processes have no common order for the model.
    return this.job.clocked ? `fresh-${process.pid}-${subject}` : `fresh-${subject}`
  }

  private decided(index: number, sent: number, decision: Decision): void {
    this.inFlight -= 1
    this.note(index, sent, decision)
  }

  private failed(index: number, sent: number, error: unknown): void {
    this.inFlight -= 1
    this.log.latency[index] = now() - sent
    this.failures.push(String(error))
  }

  private note(index: number, sent: number, { allowed, outcomes: [outcome] }: Decision): void {
    const { log } = this
    log.latency[index] = now() - sent
    log.allowed[index] = Number(allowed)
    log.source[index] = 1 + SOURCES.indexOf(outcome?.source as (typeof SOURCES)[number])
    log.granted[index] = outcome?.granted ?? 0
    log.remaining[index] = outcome?.remaining ?? 0
    log.at[index] = outcome?.at ?? 0
  }

  private async pingControl(): Promise<void> {
    while (!this.isOver) {
      const sent = now()
      await this.controlClient.ping()
      // Only slow answers are kept.
      if (now() - sent > BUSY) this.control.push([sent, now() - sent])
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  private watch(before: number, cpu: NodeJS.CpuUsage): void {
    if (this.isOver) return
    setTimeout(() => {
      const t = now()
      const used = process.threadCpuUsage()
      const lost = t - before - 2 - (used.user + used.system - cpu.user - cpu.system) / 1000
      if (lost > 1.2 && this.stalled < 200_000) this.stalls.set([before, t, lost], 3 * this.stalled++)
      this.watch(t, used)
    }, 2)
  }
}

let load: Load | undefined
let shift = 0
async function run(command: Command): Promise<unknown> {
  if ('start' in command) {
    shift = 0
    isKnown = true
    await (load = new Load(command.start)).start()
  } else if ('mark' in command) load?.mark()
  else if ('fresh' in command) load?.fresh()
  else if ('dns' in command) isKnown = command.dns
  else if ('health' in command) return load?.isNormal()
  else if ('shift' in command) shift = command.shift
  else return load?.stop()
  return 'done'
}

process.on('message', (command: Command) => {
  run(command).then(
    (answer) => process.send?.(answer),
    (error: unknown) => process.send?.({ failed: String((error as Error).stack) }),
  )
})
