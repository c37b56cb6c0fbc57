// The check service beside other rate limit services, with the CPU of each server and of its Redis. Linux, since it reads /proc. Needs Go, and the peers:
// `node scripts/rls.ts ratelimit gubernator throttlecrab`.
import type { Group, Target } from '../report/report.ts'
import { quantile, type Rounds, runRounds, type Sample } from '../measure/rounds.ts'
import { buildLoad, putUnderLoad, type Traffic } from '../rls/load.ts'
import { type BenchServer, startGubernator, startPeer, startSluice, startThrottlecrab } from '../rls/servers.ts'

const PEER = 'envoyproxy/ratelimit, Redis'
const PEER_3 = `${PEER}, three descriptors`
const REDIS = 'Sluice, Redis'
const REDIS_3 = `${REDIS}, three descriptors`
const MEMORY = 'Sluice, memory'
const LEASE = 'Sluice, leases of hot subjects'
const DENY = 'Sluice, deny cache'
const BATCH = 'Sluice, memory, POST /v1/check with 100'
/** Checks of a call of BATCH. */
const BATCHED = 100
/** ms of each row before anything is measured. */
const WARM_UP = { full: 10_000, quick: 2_500 }

type ServerName = 'memory' | 'redis' | 'layers' | 'peer' | 'peerOnTwo' | 'gubernator' | 'throttlecrab'

const START: Readonly<Record<ServerName, () => Promise<BenchServer>>> = {
  memory: () => startSluice('memory'),
  redis: () => startSluice('redis'),
  layers: () => startSluice('layers'),
  peer: () => startPeer(1),
  peerOnTwo: () => startPeer(2),
  gubernator: () => startGubernator(1),
  throttlecrab: () => startThrottlecrab(),
}

/** The rows, in the order of the table. */
const ROWS: Readonly<Record<string, readonly [ServerName, Traffic]>> = {
  [PEER]: ['peer', { protocol: 'envoy' }],
  [PEER_3]: ['peer', { protocol: 'envoy', parts: 3 }],
  [`${PEER}, GOMAXPROCS=2`]: ['peerOnTwo', { protocol: 'envoy' }],
  [`${PEER}, three descriptors, GOMAXPROCS=2`]: ['peerOnTwo', { protocol: 'envoy', parts: 3 }],
  [REDIS]: ['redis', { protocol: 'envoy' }],
  [REDIS_3]: ['redis', { protocol: 'envoy', parts: 3 }],
  [MEMORY]: ['memory', { protocol: 'envoy' }],
  [`${MEMORY}, three descriptors`]: ['memory', { protocol: 'envoy', parts: 3 }],
  [LEASE]: ['layers', { protocol: 'envoy', users: 20 }],
  [DENY]: ['layers', { protocol: 'envoy', domain: 'refused', users: 20, isOver: true }],
  'Sluice, memory, GET /check': ['memory', { protocol: 'get' }],
  'Sluice, Redis, GET /check': ['redis', { protocol: 'get' }],
  [BATCH]: ['memory', { protocol: 'post', parts: BATCHED }],
  [`${BATCH} that can be settled`]: ['memory', { protocol: 'post', parts: BATCHED, hasDecision: true }],
  'gubernator, memory': ['gubernator', { protocol: 'gubernator' }],
  'gubernator, memory, three limits': ['gubernator', { protocol: 'gubernator', parts: 3 }],
  'gubernator, memory, 100 limits': ['gubernator', { protocol: 'gubernator', parts: BATCHED }],
  'throttlecrab, memory': ['throttlecrab', { protocol: 'throttlecrab' }],
}

export const rls: Group = {
  name: 'rls',
  title: 'The check service, beside other rate limit services',
  about:
    "64 calls in flight from a client in Go, over 4 connections of gRPC or 64 of HTTP, 1,000 users, one limit unless the row says otherwise. CPU is that of the server, from `/proc`. Redis's is that of the server's own Redis. Calls a core are those that a core of the server could answer. Each server counts fixed windows, but throttlecrab (GCRA) and gubernator (token bucket). envoyproxy/ratelimit has `GOMAXPROCS=1` and `DISABLE_STATS=true`. The p99 is at half of the rate: for both servers on Redis, half of the slower one's.",
  full: [5, 3_000],
  quick: [3, 700],
  isLong: true,
  async run(settings) {
    buildLoad()
    const servers = new Map<ServerName, BenchServer>()
    try {
      for (const name of Object.keys(START) as ServerName[]) servers.set(name, await START[name]())
      const contenders = Object.entries(ROWS).map(([name, [of, traffic]]) => {
        const server = servers.get(of) as BenchServer
        // The first call of each user of `refused` is admitted.
        return {
          name,
          warm: (ms: number) => warmUp(server, traffic, ms),
          turn: (ms: number, rate?: number) => putUnderLoad(server, traffic, ms, rate),
        }
      })
      for (const { warm } of contenders) await warm(settings.isQuick ? WARM_UP.quick : WARM_UP.full)
      const rounds = await runRounds(contenders, settings)
      const half = (name: string) => rounds.median(name) / 2
      const shared = Math.min(half(PEER), half(REDIS))
      const atHalf = await runRounds(
        contenders.map(({ name, turn }) => {
          const rate = name === PEER || name === REDIS ? shared : half(name)
          return { name, turn: (ms) => turn(ms, rate) }
        }),
        settings,
      )
      return {
        tables: [
          {
            columns: ['server', 'calls/s', 'CPU µs a call', "Redis's CPU µs", 'calls/s a core', 'p99 ms at half'],
            rows: rounds.names.map((name) => [
              name,
              Math.round(rounds.median(name)),
              cpuOf(rounds, name),
              redisOf(rounds, name),
              Math.round(1e6 / cpuOf(rounds, name)),
              p99Of(atHalf, name),
            ]),
          },
        ],
        targets: targetsOf(rounds, atHalf),
        data: { rounds, atHalf },
      }
    } finally {
      for (const server of servers.values()) await server.stop()
    }
  },
}

/** Also the compiler of Node: it optimises the last functions after about 60,000 calls. */
async function warmUp(server: BenchServer, traffic: Traffic, ms: number): Promise<void> {
  const { isOver, ...first } = traffic
  // Each subject uses its only unit, or is refused: both are right here, so they are sent one by one.
  if (isOver === true) await putUnderLoad(server, { ...first, isOver: true }, 200).catch(() => undefined)
  await putUnderLoad(server, traffic, ms)
}

function cpuOf(rounds: Rounds, name: string): number {
  return rounds.median(name, ({ cpu }) => cpu)
}

function redisOf(rounds: Rounds, name: string): number {
  return rounds.median(name, ({ serverCpu }) => serverCpu as number)
}

function p99Of(rounds: Rounds, name: string): number {
  return rounds.median(name, ({ p99 }) => p99 as number)
}

function targetsOf(rounds: Rounds, atHalf: Rounds): readonly Target[] {
  // Within a round, so that a slow moment of the machine falls on both.
  const perCore = (name: string, other: string, parts = 1) => rounds.ratio(other, name, ({ cpu }) => cpu) * parts
  const redis = (name: string, other: string) => rounds.ratio(name, other, ({ serverCpu }) => serverCpu as number)
  const slower = quantile(
    atHalf.of(REDIS).map(({ p99 }: Sample, i) => (p99 as number) / (atHalf.of(PEER)[i]?.p99 as number)),
    0.5,
  )
  return [
    {
      what: 'one descriptor on Redis, calls a core, relative to envoyproxy/ratelimit',
      must: 'at least',
      target: 1.2,
      measured: perCore(REDIS, PEER),
    },
    { what: 'the same, for CI', must: 'at least', target: 1, measured: perCore(REDIS, PEER), isGate: true },
    {
      what: 'three descriptors on Redis, calls a core, relative to envoyproxy/ratelimit',
      must: 'at least',
      target: 1,
      measured: perCore(REDIS_3, PEER_3),
      isGate: true,
    },
    {
      what: "Redis's CPU with one descriptor, relative to envoyproxy/ratelimit",
      must: 'at most',
      target: 0.5,
      measured: redis(REDIS, PEER),
    },
    {
      what: "Redis's CPU with three descriptors, relative to envoyproxy/ratelimit",
      must: 'at most',
      target: 1,
      measured: redis(REDIS_3, PEER_3),
    },
    { what: 'p99 on Redis at the same rate, relative to envoyproxy/ratelimit', must: 'at most', target: 1, measured: slower },
    {
      what: 'checks a core in a batch of 100, relative to calls of envoyproxy/ratelimit',
      must: 'at least',
      target: 5,
      measured: perCore(BATCH, PEER, BATCHED),
    },
    { what: 'p99 at half load on Redis', must: 'at most', target: 5, measured: p99Of(atHalf, REDIS), unit: 'ms' },
    ...[MEMORY, LEASE, DENY].map((name): Target => ({
      what: `p99 at half load: ${name}`,
      must: 'at most',
      target: 1,
      measured: p99Of(atHalf, name),
      unit: 'ms',
    })),
  ]
}
