// Each adapter in its framework, beside the framework with the same headers set by hand, and beside a peer. Every server is a process of
// its own. All servers of a framework run at the same time, and get short bursts of requests in turn.
import { startRedis } from '@sluice/testing/redis'
import { MeasuredProcess } from '../measure/process.ts'
import { burst, warmUp } from '../http/burst.ts'
import type { Setup } from '../http/setup.ts'
import type { Group, Report, Table, Target } from '../report/report.ts'
import { type Contender, joined, type Rounds, runRounds, type Settings } from '../measure/rounds.ts'

/** The peer in each framework. No peer limits plain fetch handlers. */
const PEERS = {
  express: 'express-rate-limit',
  koa: 'koa-ratelimit',
  hono: 'hono-rate-limiter',
  fastify: '@fastify/rate-limit',
  nestjs: '@nestjs/throttler',
  fetch: undefined,
} as const
/** A second server of the same kind. Its ratio to the first shows how much of a ratio is the noise of the machine. */
const AGAIN = 'by hand, again'
const CONTENDERS: readonly (Setup | typeof AGAIN)[] = ['bare', 'by hand', AGAIN, 'sluice', 'sluice as the peer', 'peer']
const COLUMNS = ['contender', 'requests/s', 'of bare', 'of by hand', 'lower quartile', 'CPU µs a request', 'CPU over bare']
const OURS = 'sluice as the peer'
/** How often each server is started. */
const STARTS = 3

export const http: Group = {
  name: 'http',
  title: 'HTTP, in memory',
  about:
    '32 connections from 32 client addresses, one route, one limit. "By hand" sets the five headers of Sluice from constants. "By hand, again" is a second server of the same kind, so the distance of its lower quartile from 1 is noise of the machine. Each server is started three times. "Sluice as the peer" sets the headers that the peer sets.',
  full: [33, 250],
  quick: [5, 100],
  run: async (settings) => {
    const byFramework = new Map<string, Rounds>()
    for (const framework of Object.keys(PEERS)) byFramework.set(framework, await measure(framework, settings))
    const targets = [...byFramework].flatMap(([framework, rounds]): Target[] => [
      {
        what: `${framework}: lower quartile, relative to the same headers by hand`,
        must: 'at least',
        target: 0.95,
        measured: rounds.lowerQuartile('sluice', 'by hand'),
      },
      ...(hasPeer(framework) ? [targetOfPeer(framework, rounds)] : []),
    ])
    return report(byFramework, targets)
  },
}

export const httpRedis: Group = {
  name: 'http-redis',
  title: 'HTTP, on Redis',
  about: 'As HTTP in memory, with Redis: Sluice with its default stack, and the peers with their own Redis stores.',
  full: [21, 250],
  quick: [5, 100],
  isLong: true,
  run: async (settings) => {
    const server = await startRedis()
    const byFramework = new Map<string, Rounds>()
    try {
      for (const framework of Object.keys(PEERS).filter(hasPeer)) byFramework.set(framework, await measure(framework, settings, server.url))
    } finally {
      await server.stop()
    }
    return report(
      byFramework,
      [...byFramework].map(([framework, rounds]) => targetOfPeer(framework, rounds)),
    )
  },
}

function targetOfPeer(framework: string, rounds: Rounds): Target {
  const peer = PEERS[framework as keyof typeof PEERS]
  return {
    what: `${framework}: relative to ${peer}, with the same headers`,
    must: 'at least',
    target: 1,
    measured: rounds.ratio(OURS, 'peer'),
  }
}

function hasPeer(framework: string): boolean {
  return PEERS[framework as keyof typeof PEERS] !== undefined
}

/** Each server is started several times, since how code and data of one process lie in memory makes up to a tenth of difference. */
async function measure(framework: string, settings: Settings, url?: string): Promise<Rounds> {
  const starts = settings.isQuick ? 1 : STARTS
  const rounds = Math.ceil(settings.rounds / starts)
  const all: Rounds[] = []
  for (let i = 0; i < starts; i++) all.push(await measureOnce(framework, { ...settings, rounds }, url))
  return joined(all)
}

async function measureOnce(framework: string, settings: Settings, url?: string): Promise<Rounds> {
  const names = hasPeer(framework) ? CONTENDERS : CONTENDERS.slice(0, 4)
  const servers = names.map((name) => {
    const setup: Setup = name === AGAIN ? 'by hand' : name
    return new MeasuredProcess('http/server.ts', [framework, setup, ...(url === undefined ? [] : [url])])
  })
  try {
    const ports = await Promise.all(servers.map((server) => server.nextMessage<number>()))
    for (const port of ports) await warmUp(port, settings.isQuick)
    const contenders = names.map((name, i): Contender => {
      const [server, port] = [servers[i] as MeasuredProcess, ports[i] as number]
      return {
        name,
        async turn(ms) {
          const { run, close } = await burst(port)
          const before = await server.request<number>('cpu')
          const { count, ms: elapsed } = await run(ms)
          const cpu = (await server.request<number>('cpu')) - before
          close()
          return { rate: (count * 1_000) / elapsed, cpu: cpu / count }
        },
      }
    })
    return await runRounds(contenders, settings)
  } finally {
    for (const server of servers) server.stop()
  }
}

function report(byFramework: ReadonlyMap<string, Rounds>, targets: readonly Target[]): Report {
  return {
    tables: [...byFramework].map(([framework, rounds]) => table(framework, rounds)),
    targets,
    charts: [...byFramework].map(([framework, rounds]) => ({
      file: `http-${framework}`,
      title: `HTTP, ${framework}: CPU`,
      unit: 'µs a request',
      series: rounds.names.map((name) => ({ name: titled(framework, name), values: [rounds.median(name, (sample) => sample.cpu)] })),
    })),
    data: Object.fromEntries(byFramework),
  }
}

function table(framework: string, rounds: Rounds): Table {
  const cpu = (name: string) => rounds.median(name, (sample) => sample.cpu)
  return {
    title: framework,
    columns: COLUMNS,
    rows: rounds.names.map((name) => [
      titled(framework, name),
      Math.round(rounds.median(name)),
      rounds.ratio(name, 'bare'),
      rounds.ratio(name, 'by hand'),
      rounds.lowerQuartile(name, 'by hand'),
      cpu(name),
      cpu(name) - cpu('bare'),
    ]),
  }
}

function titled(framework: string, setup: string): string {
  if (setup === 'peer') return PEERS[framework as keyof typeof PEERS] ?? setup
  return setup.replace(/^sluice/, 'Sluice')
}
