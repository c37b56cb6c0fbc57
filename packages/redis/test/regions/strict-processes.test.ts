// Mode `strict` with processes that are killed and regions that are cut off: three real servers, streams between them, never more than the limit.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type RedisServer, startRedis, type TcpProxy, tcpProxy, waitUntil } from '@sluice/testing/redis'
import { Random } from '@sluice/testing/regions'
import { expect, onTestFinished, test } from 'vitest'
import { rightsIn } from './rights-in.ts'

const ALL = ['ap', 'eu', 'us']
const LIMIT = 300
const SECONDS = process.env['SLUICE_FAULTS'] === 'full' ? 60 : 8
const PROGRAM = fileURLToPath(new URL('./strict-process.ts', import.meta.url))

interface Report {
  readonly admitted: number
  readonly isHeld: boolean
}

interface Place {
  readonly name: string
  readonly server: RedisServer
  /** By the name of another region, its way to this server. */
  readonly ways: ReadonlyMap<string, TcpProxy>
}

class Fleet {
  admitted = 0
  /** By process, its last refusals in a row, none of which was held. */
  readonly ended = new Map<ChildProcess, number>()
  private readonly places: readonly Place[]

  constructor(places: readonly Place[]) {
    this.places = places
    onTestFinished(() => Promise.all(Array.from(this.ended.keys(), (child) => this.kill(child))).then(() => undefined))
  }

  start(name: string): void {
    const others = Object.fromEntries(
      this.places.flatMap((place) => (place.name === name ? [] : [[place.name, `redis://127.0.0.1:${place.ways.get(name)?.port}`]])),
    )
    const { server } = this.places.find((place) => place.name === name) as Place
    const env = { ...process.env, REGION: JSON.stringify({ self: name, own: server.url, others }), NODE_OPTIONS: '' }
    const child = fork(PROGRAM, { execArgv: ['--conditions=source'], env })
    this.ended.set(child, 0)
    child.on('message', ({ admitted, isHeld }: Report) => {
      this.admitted += admitted
      if (this.ended.has(child)) this.ended.set(child, admitted > 0 || isHeld ? 0 : (this.ended.get(child) ?? 0) + 1)
    })
  }

  async kill(child: ChildProcess): Promise<void> {
    this.ended.delete(child)
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
}

test(`${SECONDS} seconds of kills and cuts`, { timeout: 1000 * SECONDS + 120_000 }, async () => {
  const places = await Promise.all(
    ALL.map(async (name): Promise<Place> => {
      const server = await startRedis()
      onTestFinished(() => server.stop())
      const ways = new Map<string, TcpProxy>()
      for (const other of ALL) if (other !== name) ways.set(other, await tcpProxy(server))
      onTestFinished(() => Promise.all(Array.from(ways.values(), (proxy) => proxy.close())).then(() => undefined))
      return { name, server, ways }
    }),
  )
  const fleet = new Fleet(places)
  const regionOf = new Map<ChildProcess, string>()
  const start = (name: string): void => {
    fleet.start(name)
    regionOf.set([...fleet.ended.keys()].at(-1) as ChildProcess, name)
  }
  for (const name of ALL) for (let i = 0; i < 2; i++) start(name)
  await waitUntil('a process has asked', () => fleet.admitted > 0, 60_000)

  const random = new Random(7)
  const ways = places.flatMap((place) => [...place.ways.values()])
  for (const end = Date.now() + 1000 * SECONDS; Date.now() < end;) {
    const way = random.pick(ways)
    way.blackHole(random.chance(0.5))
    if (random.chance(0.5)) way.cut()
    const victim = random.pick([...fleet.ended.keys()])
    await fleet.kill(victim)
    start(regionOf.get(victim) as string)
    await check(places)
    await sleep(random.int(50, 400))
  }
  for (const way of ways) way.blackHole(false)

  await waitUntil('no region has anything left', () => [...fleet.ended.values()].every((refused) => refused > 20), 90_000)
  await check(places)
  expect(fleet.admitted).toBeLessThanOrEqual(LIMIT)
  // The units of decisions whose process was killed before it said so, and of offers on their way to it.
  expect(fleet.admitted).toBeGreaterThan(LIMIT / 2)
})

/** Rights are conserved: each count is within the rights, and nobody got more than was given. Read in the order in which units move. */
async function check(places: readonly Place[]): Promise<void> {
  const got = await Promise.all(places.map(({ server, name }) => rightsIn(server.client(), name, ALL)))
  const donated = await Promise.all(places.map(({ server, name }) => rightsIn(server.client(), name, ALL)))
  for (const [i, { count, from }] of got.entries()) {
    expect(count).toBeLessThanOrEqual(LIMIT / ALL.length)
    const excess = ALL.filter((other, j) => (from[other] ?? 0) > (donated[j]?.to[ALL[i] as string] ?? 0))
    expect(excess).toEqual([])
  }
}
