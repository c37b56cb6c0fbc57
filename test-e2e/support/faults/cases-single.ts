// Faults of one Redis server behind a proxy.
import { type RedisServer, startRedis, type StartRedis, type TcpProxy, tcpProxy, waitUntil } from '@sluice/testing/redis'
import type { Redis } from 'ioredis'
import type { Setup, Case } from './case.ts'
import { isFull } from './full.ts'

interface SingleServer extends Setup {
  readonly server: RedisServer
  readonly proxy: TcpProxy
  /** A connection that does not use the proxy. */
  readonly admin: Redis
  /** Started by `begin`, awaited by `end`. */
  pending?: Promise<unknown>
  timer?: NodeJS.Timeout
}

async function singleServer(options: StartRedis = {}, host = '127.0.0.1'): Promise<SingleServer> {
  const server = await startRedis(options)
  const proxy = await tcpProxy(server)
  const admin = server.client({ maxRetriesPerRequest: null })
  await admin.ping()
  const stop = () => Promise.all([server.stop(), proxy.close()])
  return { server, proxy, admin, source: { url: `redis://${host}:${proxy.port}` }, stop }
}

const OPENS = { latency: 'opens', normal: 2_000 } as const
/** The deadline and 5 ms: the longest that a request may wait while the breaker is closed. */
const BOUNDED = { latency: 55, normal: 2_000 } as const
const defaults = { losses: 0, seconds: [3, 6], setUp: () => singleServer() } as const

let seed = 7
/** Pseudo-random, so that the same replies are lost in every run. */
const isOneInTen = (): boolean => (seed = (seed * 48_271) % 2_147_483_647) % 10 === 0

export const singles: readonly Case<SingleServer>[] = [
  {
    ...defaults,
    name: 'kill -9, restart without data',
    thresholds: OPENS,
    losses: 1,
    begin: ({ server }) => server.kill(),
    end: ({ server }) => server.restart(),
  },
  {
    ...defaults,
    name: 'SIGSTOP for 5 s, SIGCONT',
    thresholds: OPENS,
    seconds: [5, 5],
    begin: ({ server }) => server.pause(),
    end: ({ server }) => server.resume(),
  },
  {
    ...defaults,
    name: 'replies 20 ms later',
    thresholds: { latency: 25, normal: 2_000 },
    begin: async ({ proxy }) => proxy.delay(20),
    end: async ({ proxy }) => proxy.delay(0),
  },
  {
    ...defaults,
    name: 'replies 60 ms later',
    thresholds: OPENS,
    begin: async ({ proxy }) => proxy.delay(60),
    end: async ({ proxy }) => proxy.delay(0),
  },
  {
    ...defaults,
    name: 'replies 500 ms later',
    thresholds: OPENS,
    begin: async ({ proxy }) => proxy.delay(500),
    end: async ({ proxy }) => proxy.delay(0),
  },
  {
    ...defaults,
    name: '10 % of replies lost, with their connection',
    thresholds: BOUNDED,
    seconds: [4, 10],
    begin: async ({ proxy }) => proxy.loseReplies({ after: isOneInTen, times: Infinity }),
    end: async ({ proxy }) => proxy.loseReplies({ after: () => false, times: Infinity }),
  },
  {
    ...defaults,
    name: 'half-open connections',
    thresholds: OPENS,
    seconds: [0.2, 0.2],
    note: 'every open connection is silently dead; new ones work, so the fault is over at once',
    begin: async ({ proxy }) => proxy.makeHalfOpen(),
    end: async () => undefined,
  },
  {
    ...defaults,
    name: 'black hole',
    thresholds: OPENS,
    begin: async ({ proxy }) => proxy.blackHole(true),
    end: async ({ proxy }) => proxy.blackHole(false),
  },
  // The one above, for longer.
  ...(isFull
    ? [
        {
          ...defaults,
          name: 'black hole, a minute in the full run',
          thresholds: OPENS,
          seconds: [6, 60] as const,
          begin: async ({ proxy }: SingleServer) => proxy.blackHole(true),
          end: async ({ proxy }: SingleServer) => proxy.blackHole(false),
        } satisfies Case<SingleServer>,
      ]
    : []),
  {
    ...defaults,
    name: 'black hole, `failMode: open`',
    thresholds: OPENS,
    failMode: 'open',
    begin: async ({ proxy }) => proxy.blackHole(true),
    end: async ({ proxy }) => proxy.blackHole(false),
  },
  {
    ...defaults,
    name: 'black hole, `failMode: closed`',
    thresholds: OPENS,
    failMode: 'closed',
    begin: async ({ proxy }) => proxy.blackHole(true),
    end: async ({ proxy }) => proxy.blackHole(false),
  },
  {
    ...defaults,
    name: 'connections refused',
    thresholds: OPENS,
    begin: ({ proxy }) => proxy.refuse(true).then(() => proxy.cut()),
    end: ({ proxy }) => proxy.refuse(false),
  },
  {
    ...defaults,
    name: '`CLIENT PAUSE 3000 ALL`',
    thresholds: OPENS,
    seconds: [3, 3],
    begin: ({ admin }) => admin.call('CLIENT', 'PAUSE', 3_000, 'ALL'),
    end: ({ admin }) => admin.ping(),
  },
  {
    ...defaults,
    name: 'out of memory (`maxmemory`)',
    thresholds: OPENS,
    begin: ({ admin }) => admin.config('SET', 'maxmemory', '100kb'),
    end: ({ admin }) => admin.config('SET', 'maxmemory', '0'),
  },
  {
    ...defaults,
    name: 'READONLY after a demotion',
    thresholds: OPENS,
    begin: ({ admin }) => admin.replicaof('127.0.0.1', 1),
    end: ({ admin }) => admin.replicaof('NO', 'ONE'),
  },
  {
    ...defaults,
    name: 'LOADING',
    thresholds: OPENS,
    seconds: [4, 4],
    note: 'restarted with 3,000 keys that take 1 ms each to load; over when the server answers',
    setUp: async () => {
      const setup = await singleServer({ args: ['--key-load-delay', '1000', '--loading-process-events-interval-bytes', '1024'] })
      const filling = setup.admin.pipeline()
      for (let i = 0; i < 3_000; i += 1) filling.set(`other-${i}`, 'x'.repeat(200))
      await filling.exec()
      return setup
    },
    begin: async (setup) => {
      setup.pending = setup.server.restart({ keepData: true })
      setup.pending.catch(() => undefined)
    },
    end: async (setup) => setup.pending,
  },
  {
    ...defaults,
    name: '`SCRIPT FLUSH`, 20 times a second',
    thresholds: BOUNDED,
    begin: async (setup) => {
      setup.timer = setInterval(() => void setup.admin.script('FLUSH'), 50)
    },
    end: async ({ timer }) => clearInterval(timer),
  },
  {
    ...defaults,
    name: 'ACL takes `EVALSHA` and `EVAL` away',
    thresholds: OPENS,
    begin: ({ admin }) => admin.acl('SETUSER', 'default', '-evalsha', '-eval'),
    end: ({ admin }) => admin.acl('SETUSER', 'default', '+evalsha', '+eval'),
  },
  {
    ...defaults,
    name: 'the append-only file cannot be written',
    thresholds: OPENS,
    note: 'a file size limit of 4 MB, which for Redis is the same as a full disk',
    setUp: () =>
      singleServer({
        // At the limit the system sends SIGXFSZ. With the signal ignored, writes are short, as on a full disk.
        wrap: ['sh', '-c', 'trap \'\' XFSZ; ulimit -S -f 8192; exec "$@"', 'sh'],
        args: ['--appendonly', 'yes', '--appendfsync', 'everysec', '--auto-aof-rewrite-percentage', '0', '--save', ''],
      }),
    begin: async ({ admin }) => {
      await admin.set('filler', 'x'.repeat(5_000_000)).catch(() => undefined)
      await waitUntil('the server to refuse to write', async () =>
        admin.set('other', 1).then(
          () => false,
          (error: Error) => error.message.startsWith('MISCONF'),
        ),
      )
    },
    // Without the file, nothing is full any more.
    end: ({ admin }) => admin.config('SET', 'appendonly', 'no'),
  },
  {
    ...defaults,
    name: 'connection limit reached (`maxclients`)',
    thresholds: OPENS,
    begin: async ({ admin, proxy }) => {
      await admin.config('SET', 'maxclients', '1')
      proxy.cut()
    },
    end: ({ admin }) => admin.config('SET', 'maxclients', '1000'),
  },
  {
    ...defaults,
    name: 'DNS gone, connections cut',
    thresholds: OPENS,
    note: 'the resolver of the load processes returns ENOTFOUND',
    setUp: () => singleServer({}, 'redis.test'),
    begin: async ({ proxy }, load) => {
      await load.dns(false)
      proxy.cut()
    },
    end: (_, load) => load.dns(true),
  },
]
