// One Redis behind a proxy, and what happens to it.
import { type RedisServer, startRedis, type StartRedis, type TcpProxy, tcpProxy, waitUntil } from '@sluice/testing/redis'
import type { Redis } from 'ioredis'
import type { Bench, Case } from './case.ts'

interface Single extends Bench {
  readonly server: RedisServer
  readonly proxy: TcpProxy
  /** A connection of the operator, beside the proxy. */
  readonly admin: Redis
  /** What `begin` started, and `end` waits for. */
  under?: Promise<unknown>
  timer?: NodeJS.Timeout
}

async function single(options: StartRedis = {}, host = '127.0.0.1'): Promise<Single> {
  const server = await startRedis(options)
  const proxy = await tcpProxy(server)
  const admin = server.client({ maxRetriesPerRequest: null })
  await admin.ping()
  const stop = () => Promise.all([server.stop(), proxy.close()])
  return { server, proxy, admin, source: { url: `redis://${host}:${proxy.port}` }, stop }
}

const OPENS = { latency: 'opens', normal: 2_000 } as const
/** The deadline and 5 ms: what a request may wait at most while the breaker makes up its mind. */
const BOUNDED = { latency: 55, normal: 2_000 } as const
const plain = { losses: 0, seconds: [3, 6], setUp: () => single() } as const

let seed = 7
/** The same replies are lost in every run. */
const oneInTen = (): boolean => (seed = (seed * 48_271) % 2_147_483_647) % 10 === 0

export const singles: readonly Case<Single>[] = [
  {
    ...plain,
    name: 'kill -9, restart without data',
    bars: OPENS,
    losses: 1,
    begin: ({ server }) => server.kill(),
    end: ({ server }) => server.restart(),
  },
  {
    ...plain,
    name: 'SIGSTOP for 5 s, SIGCONT',
    bars: OPENS,
    seconds: [5, 5],
    begin: ({ server }) => server.pause(),
    end: ({ server }) => server.resume(),
  },
  {
    ...plain,
    name: 'replies 20 ms later',
    bars: { latency: 25, normal: 2_000 },
    begin: async ({ proxy }) => proxy.delay(20),
    end: async ({ proxy }) => proxy.delay(0),
  },
  {
    ...plain,
    name: 'replies 60 ms later',
    bars: OPENS,
    begin: async ({ proxy }) => proxy.delay(60),
    end: async ({ proxy }) => proxy.delay(0),
  },
  {
    ...plain,
    name: 'replies 500 ms later',
    bars: OPENS,
    begin: async ({ proxy }) => proxy.delay(500),
    end: async ({ proxy }) => proxy.delay(0),
  },
  {
    ...plain,
    name: '10 % of replies lost, with their connection',
    bars: BOUNDED,
    seconds: [4, 10],
    begin: async ({ proxy }) => proxy.loseReplies({ after: oneInTen, times: Infinity }),
    end: async ({ proxy }) => proxy.loseReplies({ after: () => false, times: Infinity }),
  },
  {
    ...plain,
    name: 'half-open connections',
    bars: OPENS,
    seconds: [0.2, 0.2],
    note: 'the peer of every connection is gone and nobody says so; new connections are well, so the fault is over at once',
    begin: async ({ proxy }) => proxy.makeHalfOpen(),
    end: async () => undefined,
  },
  {
    ...plain,
    name: 'black hole',
    bars: OPENS,
    begin: async ({ proxy }) => proxy.blackHole(true),
    end: async ({ proxy }) => proxy.blackHole(false),
  },
  {
    ...plain,
    name: 'black hole, a minute in the full run',
    bars: OPENS,
    seconds: [6, 60],
    begin: async ({ proxy }) => proxy.blackHole(true),
    end: async ({ proxy }) => proxy.blackHole(false),
  },
  {
    ...plain,
    name: 'black hole, `failMode: open`',
    bars: OPENS,
    failMode: 'open',
    begin: async ({ proxy }) => proxy.blackHole(true),
    end: async ({ proxy }) => proxy.blackHole(false),
  },
  {
    ...plain,
    name: 'black hole, `failMode: closed`',
    bars: OPENS,
    failMode: 'closed',
    begin: async ({ proxy }) => proxy.blackHole(true),
    end: async ({ proxy }) => proxy.blackHole(false),
  },
  {
    ...plain,
    name: 'connections refused',
    bars: OPENS,
    begin: ({ proxy }) => proxy.refuse(true).then(() => proxy.cut()),
    end: ({ proxy }) => proxy.refuse(false),
  },
  {
    ...plain,
    name: '`CLIENT PAUSE 3000 ALL`',
    bars: OPENS,
    seconds: [3, 3],
    begin: ({ admin }) => admin.call('CLIENT', 'PAUSE', 3_000, 'ALL'),
    end: ({ admin }) => admin.ping(),
  },
  {
    ...plain,
    name: 'out of memory (`maxmemory`)',
    bars: OPENS,
    begin: ({ admin }) => admin.config('SET', 'maxmemory', '100kb'),
    end: ({ admin }) => admin.config('SET', 'maxmemory', '0'),
  },
  {
    ...plain,
    name: 'READONLY after a demotion',
    bars: OPENS,
    begin: ({ admin }) => admin.replicaof('127.0.0.1', 1),
    end: ({ admin }) => admin.replicaof('NO', 'ONE'),
  },
  {
    ...plain,
    name: 'LOADING',
    bars: OPENS,
    seconds: [4, 4],
    note: 'restarted with 3,000 keys that take 1 ms each to load; over when the server answers',
    setUp: async () => {
      const bench = await single({ args: ['--key-load-delay', '1000', '--loading-process-events-interval-bytes', '1024'] })
      const filling = bench.admin.pipeline()
      for (let i = 0; i < 3_000; i += 1) filling.set(`other-${i}`, 'x'.repeat(200))
      await filling.exec()
      return bench
    },
    begin: async (bench) => {
      bench.under = bench.server.restart({ keepData: true })
      bench.under.catch(() => undefined)
    },
    end: async (bench) => bench.under,
  },
  {
    ...plain,
    name: '`SCRIPT FLUSH`, 20 times a second',
    bars: BOUNDED,
    begin: async (bench) => {
      bench.timer = setInterval(() => void bench.admin.script('FLUSH'), 50)
    },
    end: async ({ timer }) => clearInterval(timer),
  },
  {
    ...plain,
    name: 'ACL takes `EVALSHA` and `EVAL` away',
    bars: OPENS,
    begin: ({ admin }) => admin.acl('SETUSER', 'default', '-evalsha', '-eval'),
    end: ({ admin }) => admin.acl('SETUSER', 'default', '+evalsha', '+eval'),
  },
  {
    ...plain,
    name: 'the append-only file cannot be written',
    bars: OPENS,
    note: 'a file size limit of 4 MB, which needs no privilege: to Redis the same as a full disk',
    setUp: () =>
      single({
        // A limit that is met sends a signal; ignored, the write is short, as on a disk that is full.
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
    // Without a file there is nothing left to be full.
    end: ({ admin }) => admin.config('SET', 'appendonly', 'no'),
  },
  {
    ...plain,
    name: 'connection limit reached (`maxclients`)',
    bars: OPENS,
    begin: async ({ admin, proxy }) => {
      await admin.config('SET', 'maxclients', '1')
      proxy.cut()
    },
    end: ({ admin }) => admin.config('SET', 'maxclients', '1000'),
  },
  {
    ...plain,
    name: 'DNS gone, connections cut',
    bars: OPENS,
    note: 'the resolver of the processes of the load says ENOTFOUND',
    setUp: () => single({}, 'redis.test'),
    begin: async ({ proxy }, load) => {
      await load.dns(false)
      proxy.cut()
    },
    end: (_, load) => load.dns(true),
  },
]
