// Measures on real servers how far regions exceed a limit: a Redis for each region, and a proxy that delays what they read of each other.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLimiter, fixedWindow, type Limiter, type Store } from '@sluice/core'
import { redisStore, streamTransport } from '@sluice/redis'
import { regions, type RegionTransport } from '@sluice/regions'
import { type RedisServer, startRedis, tcpProxy, type TcpProxy, waitUntil } from '@sluice/testing/redis'
import type { Random } from '../simulation/random.ts'
import { type Pattern, PATTERNS, type Setting } from './setting.ts'
import { type Admission, type Found, foundOf } from './unknown-units.ts'

export interface MeasureOptions {
  /** The limit of each client in a window. */
  readonly limit: number
  /** ms */
  readonly window: number
  readonly random: Random
}

export interface Measured {
  readonly setting: Setting
  /** ms: the longest way of a message, from the beginning of its collection to the end of its application. */
  readonly longestWay: number
  /** By name of the pattern. */
  readonly found: ReadonlyMap<string, Found>
}

const NAMES = ['eu', 'us', 'ap']
/** Processes of a region. */
const PROCESSES = 2
/** ms. A busy machine adds to what the proxy delays. */
const PATIENT = { commandTimeout: 20_000, connectTimeout: 20_000, enableOfflineQueue: false } as const
/** ms between two looks at which requests are due. */
const TICK = 20
/** The longest pause, as a part of the window, and how often a window is measured if pauses are longer. */
const MAX_STALL = 0.05
const ATTEMPTS = 5

class Cell {
  readonly setting: Setting
  longestWay = 0
  readonly stores: readonly (readonly Store[])[]
  private readonly limiters: readonly (readonly Limiter[])[]
  private admissions = new Map<string, Admission[]>()

  constructor(setting: Setting, servers: readonly RedisServer[], proxyOf: (region: number) => TcpProxy, { limit, window }: MeasureOptions) {
    this.setting = setting
    const all = NAMES.slice(0, setting.regions)
    const name = `${setting.regions}-${setting.interval}-${setting.way}`
    this.stores = all.map((self, i) =>
      Array.from({ length: PROCESSES }, () => {
        const others = Object.fromEntries(
          all.flatMap((other, j) => {
            const [server, { port }] = [servers[j], proxyOf(j)]
            // The hello of a connection takes several replies, each of them delayed.
            return j === i || server === undefined ? [] : [[other, server.client({ port, ...PATIENT })] as const]
          }),
        )
        const source = { url: servers[i]?.url ?? '' }
        const transport = this.timed(streamTransport({ self: source, others, key: `regions:${name}`, on: { warning: () => undefined } }))
        const described = regions({ self, all, transport, interval: setting.interval })
        // A decision of a process alone would be no error of the exchange.
        return redisStore(source, { prefix: `s${name}`, failover: false, regions: described })
      }),
    )
    this.limiters = this.stores.map((stores) =>
      stores.map((store) => createLimiter({ name: 'api', limits: [fixedWindow({ name: 'window', limit, window })], store })),
    )
  }

  /** Resolves when each process knows that the other regions live. */
  async ready(): Promise<void> {
    await waitUntil('each region has heard of the others', () =>
      this.stores
        .flat()
        .every((store) => Object.values(store.health?.().regions?.peers ?? {}).every(({ heardAt }) => heardAt !== undefined)),
    )
    for (const limiter of this.limiters.flat()) await limiter.consume('nobody')
  }

  /** Begins a window. */
  begin(): void {
    this.longestWay = 0
    this.admissions = new Map(PATTERNS.map(({ name }) => [name, []]))
  }

  /** `end`: ms since the epoch. What is decided after the window belongs to the next one. */
  async ask(pattern: Pattern, region: number, random: Random, end: number): Promise<void> {
    const all = this.limiters[region] ?? []
    const asked = performance.now()
    // Redis of a busy machine may not answer. Then nobody was admitted.
    const limiter = all[random.below(all.length)]
    const decision = await Promise.resolve(limiter?.consume(pattern.name)).catch(() => undefined)
    if (decision?.allowed !== true || decision.resetAt > end + 1) return
    this.admissions.get(pattern.name)?.push({ region, asked, answered: performance.now() })
  }

  /** `stall`: ms, the longest pause of this process, in which no timer ran. */
  measured(limit: number, stall: number): Measured {
    const { setting, longestWay } = this
    const terms = { limit, lag: 1.75 * setting.interval + longestWay + stall, regions: setting.regions }
    const found = new Map(Array.from(this.admissions, ([name, list]) => [name, foundOf(list, terms)]))
    return { setting, longestWay, found }
  }

  private timed(transport: RegionTransport): RegionTransport {
    const apply = (next: (body: Uint8Array) => Promise<void>) => async (body: Uint8Array) => {
      await next(body)
      const { at } = JSON.parse(new TextDecoder().decode(body)) as { readonly at: number }
      this.longestWay = Math.max(this.longestWay, Date.now() - at)
    }
    return {
      publish: (messages) => transport.publish(messages),
      subscribe: (region, next) => transport.subscribe(region, apply(next)),
    }
  }
}

/** Measures settings at the same time, in one window. */
export async function measureErrors(settings: readonly Setting[], options: MeasureOptions): Promise<readonly Measured[]> {
  const { limit, window } = options
  const ends: (() => unknown)[] = []
  try {
    const servers = await Promise.all(NAMES.map(() => startRedis()))
    ends.push(...servers.map((server) => () => server.stop()))
    const proxies = new Map<string, TcpProxy>()
    for (const way of new Set(settings.map((setting) => setting.way))) {
      for (const [region, server] of servers.entries()) {
        const proxy = await tcpProxy(server)
        proxy.delay(way)
        proxies.set(`${region} ${way}`, proxy)
        ends.push(() => proxy.close())
      }
    }
    const cells = settings.map(
      (setting) => new Cell(setting, servers, (region) => proxies.get(`${region} ${setting.way}`) as TcpProxy, options),
    )
    ends.push(...cells.flatMap(({ stores }) => stores.flat().map((store) => () => store.close?.())))
    for (const cell of cells) await cell.ready()
    for (let attempt = 1; ; attempt++) {
      const stall = await measureWindow(cells, options)
      // What a busy machine holds up is asked in another window, so that too little is measured.
      if (stall <= window * MAX_STALL || attempt === ATTEMPTS) return cells.map((cell) => cell.measured(limit, stall))
    }
  } finally {
    for (const end of ends.toReversed()) await end()
  }
}

/** @returns ms: the longest pause of this process, in which no timer ran */
async function measureWindow(cells: readonly Cell[], { limit, window, random }: MeasureOptions): Promise<number> {
  const start = Math.ceil((Date.now() + 100) / window) * window
  await sleep(start - Date.now())
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  for (const cell of cells) cell.begin()
  await askInWindow(cells, start + window, limit, window, random)
  delay.disable()
  return delay.max / 1e6
}

/** Requests at random times until the end of the window. */
async function askInWindow(cells: readonly Cell[], end: number, limit: number, window: number, random: Random): Promise<void> {
  const requests: Promise<void>[] = []
  const begin = end - window
  // No burst is so late that its window ends before it.
  const bursts = cells.map(() => begin + window * (0.2 + 0.5 * random.next()))
  const due = (demand: number, tick: number): number => {
    const mean = (demand * limit * tick) / window
    return Math.floor(mean) + (random.next() < mean % 1 ? 1 : 0)
  }
  let last = begin
  while (last < end - 3 * TICK) {
    await sleep(TICK)
    const now = Math.min(Date.now(), end)
    cells.forEach((cell, i) => {
      for (const pattern of PATTERNS) {
        const { regions: count } = cell.setting
        const isBurst = pattern.kind === 'at once'
        const from = bursts[i] as number
        const most = isBurst ? (last < from && from <= now ? limit * count : 0) : due(pattern.demand, now - last)
        for (let k = 0; k < most; k++) {
          const region = pattern.kind === 'one region' ? 0 : isBurst ? k % count : random.below(count)
          requests.push(cell.ask(pattern, region, random, end))
        }
      }
    })
    last = now
  }
  await Promise.all(requests)
}
