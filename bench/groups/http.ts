// Each adapter in its framework, beside the framework with the same headers set by hand, and beside the peer. Every server is a process
// of its own; all of a framework's are up, and short bursts go to them in turns.
import { startRedis } from '@sluice/testing/redis'
import { Child } from '../child.ts'
import { burst, warmUp } from '../http/burst.ts'
import type { Plan } from '../http/plan.ts'
import type { Bar, Group, Report, Table } from '../report.ts'
import { alternate, type Lane, type Rounds, type Settings } from '../rounds.ts'

/** The peer of each framework. */
const PEERS = {
  express: 'express-rate-limit',
  koa: 'koa-ratelimit',
  hono: 'hono-rate-limiter',
  fastify: '@fastify/rate-limit',
  nestjs: '@nestjs/throttler',
  fetch: undefined,
} as const
/** Another server of the same: what tells the machine's part in a ratio from ours. */
const AGAIN = 'by hand, again'
const LANES: readonly (Plan | typeof AGAIN)[] = ['bare', 'by hand', AGAIN, 'sluice', 'sluice as the peer', 'peer']
const COLUMNS = ['lane', 'requests/s', 'of bare', 'of by hand', 'lower quartile', 'CPU µs a request', 'CPU over bare']
const OURS = 'sluice as the peer'

export const http: Group = {
  name: 'http',
  title: 'HTTP, in memory',
  about:
    '32 connections, one route, one limit, 32 client addresses. "By hand" sets the five headers of Sluice from constants; "again" is a second server of just that, so what its lower quartile lacks to 1 is the machine\'s; "as the peer" sets the headers that the peer sets.',
  full: [31, 250],
  quick: [5, 100],
  run: async (settings) => {
    const found = new Map<string, Rounds>()
    for (const framework of Object.keys(PEERS)) found.set(framework, await measured(framework, settings))
    const bars = [...found].flatMap(([framework, rounds]): Bar[] => [
      {
        what: `${framework}: of the same headers by hand, lower quartile`,
        must: 'at least',
        bar: 0.95,
        got: rounds.ratio('sluice', 'by hand', undefined, 0.25),
      },
      ...(isPeer(framework) ? [ahead(framework, rounds)] : []),
    ])
    return report(found, bars)
  },
}

export const httpRedis: Group = {
  name: 'http-redis',
  title: 'HTTP, on Redis',
  about: 'As HTTP in memory, with Redis behind: Sluice with its default stack, the peers with their own Redis stores.',
  full: [21, 250],
  quick: [5, 100],
  isLong: true,
  run: async (settings) => {
    const server = await startRedis()
    const found = new Map<string, Rounds>()
    try {
      for (const framework of Object.keys(PEERS).filter(isPeer)) found.set(framework, await measured(framework, settings, server.url))
    } finally {
      await server.stop()
    }
    return report(
      found,
      [...found].map(([framework, rounds]) => ahead(framework, rounds)),
    )
  },
}

function ahead(framework: string, rounds: Rounds): Bar {
  const peer = PEERS[framework as keyof typeof PEERS]
  return { what: `${framework}: of ${peer}, the same headers`, must: 'at least', bar: 1, got: rounds.ratio(OURS, 'peer') }
}

function isPeer(framework: string): boolean {
  return PEERS[framework as keyof typeof PEERS] !== undefined
}

async function measured(framework: string, settings: Settings, url?: string): Promise<Rounds> {
  const names = isPeer(framework) ? LANES : LANES.slice(0, 4)
  const servers = names.map((name) => {
    const plan: Plan = name === AGAIN ? 'by hand' : name
    return new Child('http/server.ts', [framework, plan, ...(url === undefined ? [] : [url])])
  })
  try {
    const ports = await Promise.all(servers.map((server) => server.next<number>()))
    for (const port of ports) await warmUp(port, settings.isQuick)
    const lanes = names.map((name, i): Lane => {
      const [server, port] = [servers[i] as Child, ports[i] as number]
      return {
        name,
        async turn(ms) {
          const { run, close } = await burst(port)
          const before = await server.ask<number>('cpu')
          const { count, ms: elapsed } = await run(ms)
          const used = (await server.ask<number>('cpu')) - before
          close()
          return { rate: (count * 1_000) / elapsed, cpu: used / count }
        },
      }
    })
    return await alternate(lanes, settings)
  } finally {
    for (const server of servers) server.stop()
  }
}

function report(found: ReadonlyMap<string, Rounds>, bars: readonly Bar[]): Report {
  return {
    tables: [...found].map(([framework, rounds]) => table(framework, rounds)),
    bars,
    charts: [...found].map(([framework, rounds]) => ({
      file: `http-${framework}`,
      title: `HTTP, ${framework}: CPU`,
      unit: 'µs a request',
      series: rounds.names.map((name) => ({ name: titled(framework, name), values: [rounds.median(name, (turn) => turn.cpu)] })),
    })),
    data: Object.fromEntries(found),
  }
}

function table(framework: string, rounds: Rounds): Table {
  const cpu = (name: string) => rounds.median(name, (turn) => turn.cpu)
  return {
    title: framework,
    columns: COLUMNS,
    rows: rounds.names.map((name) => [
      titled(framework, name),
      Math.round(rounds.median(name)),
      rounds.ratio(name, 'bare'),
      rounds.ratio(name, 'by hand'),
      rounds.ratio(name, 'by hand', undefined, 0.25),
      cpu(name),
      cpu(name) - cpu('bare'),
    ]),
  }
}

function titled(framework: string, plan: string): string {
  if (plan === 'peer') return PEERS[framework as keyof typeof PEERS] ?? plan
  return plan.replace(/^sluice/, 'Sluice')
}
