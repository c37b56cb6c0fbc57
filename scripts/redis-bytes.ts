// What a subject costs in Redis under each algorithm: the memory of a fresh server before and after a million subjects, their
// keys and expiries included. `node --conditions=source scripts/redis-bytes.ts [subjects] [part of a state's name]` prints the tables of
// docs/redis.md.

// By URL, as the scripts are a program of their own to the compiler; so here is what they need of the packages.
interface Server {
  client(options: { readonly commandTimeout: number }): object
  call(command: string, ...args: (string | number)[]): Promise<unknown>
  stop(): Promise<void>
}
interface Store {
  consume(charges: readonly object[]): Promise<readonly ({ readonly allowed: boolean } | undefined)[]>
  close(): Promise<void>
}
type Factory = (options: object) => { readonly limit: { readonly name: string; readonly algorithm: string } }
const load = (path: string) => import(new URL(`../packages/${path}/src/index.ts`, import.meta.url).href) as Promise<unknown>
const core = (await load('core')) as Readonly<Record<string, Factory>>
const redis = (await load('redis')) as {
  readonly redisStore: (source: object, options: object) => Store
}
const testing = (await import(new URL('../packages/testing/src/redis/index.ts', import.meta.url).href)) as {
  readonly startRedis: () => Promise<Server>
}

interface Row {
  readonly what: string
  readonly factory: string
  readonly options: object
  /** Charges of each subject; more than one is told as the bytes of each further one. */
  readonly charges?: number
  /** Packed, and what the subjects are. */
  readonly packed?: 'ids' | 'UUIDs'
  /** In how many windows each subject is charged. */
  readonly windows?: number
}

const SUBJECTS = Number(process.argv[2] ?? 1_000_000)
const FEWER = SUBJECTS / 10
const ONLY = process.argv[3] ?? ''
const AT_ONCE = 8
const IN_FLIGHT = 16
const HOUR = 3_600_000
/** ms: a machine that is busy with this is no failure. */
const PATIENCE = 60_000
const START = Date.UTC(2026, 11, 1)
const hourly = { name: 'hour', limit: 100, window: '1h' }
const rows: readonly Row[] = [
  { what: 'fixedWindow', factory: 'fixedWindow', options: hourly },
  { what: 'slidingWindow', factory: 'slidingWindow', options: hourly },
  { what: 'slidingLog, one entry', factory: 'slidingLog', options: hourly },
  { what: 'slidingLog, each further entry', factory: 'slidingLog', options: hourly, charges: 9 },
  { what: 'tokenBucket', factory: 'tokenBucket', options: { ...hourly, limit: 1 } },
  { what: 'tokenBucket, with a remainder', factory: 'tokenBucket', options: { ...hourly, limit: 77 } },
  { what: 'leakyBucket', factory: 'leakyBucket', options: { ...hourly, limit: 60, queue: true, maxDelay: '1h' } },
  { what: 'concurrency, one holder', factory: 'concurrency', options: { name: 'hour', limit: 100, ttl: '1h' } },
  { what: 'concurrency, each further holder', factory: 'concurrency', options: { name: 'hour', limit: 100, ttl: '1h' }, charges: 9 },
  { what: 'fixedWindow, packed, 8-digit ids', factory: 'fixedWindow', options: hourly, packed: 'ids' },
  { what: 'fixedWindow, packed, UUIDs', factory: 'fixedWindow', options: hourly, packed: 'UUIDs' },
  { what: 'slidingWindow, packed, 8-digit ids, two windows', factory: 'slidingWindow', options: hourly, packed: 'ids', windows: 2 },
  { what: 'slidingWindow, packed, UUIDs, two windows', factory: 'slidingWindow', options: hourly, packed: 'UUIDs', windows: 2 },
]

console.log('| state | bytes | a key | its value |\n|---|---:|---|---|')
for (const row of rows.filter(({ what }) => what.includes(ONLY))) console.log(await measured(row))

async function measured({ what, factory, options, charges = 0, packed, windows = 1 }: Row): Promise<string> {
  const server = await testing.startRedis()
  try {
    // Only what is charged in two windows needs a clock of its own to get there.
    let hours = 0
    const clock = { now: () => START + hours * HOUR }
    const exact = { failover: false, denyCache: false, ...(windows === 1 ? {} : { clock }) }
    const store = redis.redisStore(
      server.client({ commandTimeout: PATIENCE }),
      packed === undefined ? exact : { ...exact, packed: { subjects: SUBJECTS } },
    )
    const subjectOf = packed === 'UUIDs' ? uuid : (id: number) => String(10_000_000 + id)
    const { limit } = core[factory]!(options)
    const fill = async (policy: string, subjects: number, times: number): Promise<void> => {
      const pending = new Set<Promise<void>>()
      for (let first = 0; first < subjects * times; first += AT_ONCE) {
        const ids = Array.from({ length: Math.min(AT_ONCE, subjects * times - first) }, (_, i) => (first + i) % subjects)
        const scope = `${policy}/${limit.name}/${limit.algorithm}`
        const asked = store.consume(ids.map((id) => ({ limit, scope, subject: subjectOf(id), cost: 1 })))
        const done = asked.then((outcomes) => {
          pending.delete(done)
          if (!outcomes.every((outcome) => outcome?.allowed)) throw new Error(`${what}: refused`)
        })
        pending.add(done)
        if (pending.size === IN_FLIGHT) await Promise.race(pending)
      }
      await Promise.all(pending)
    }
    // The script, the connection and the shape of the data are there before it begins.
    await fill('warm', 1, 1)
    const subjects = charges === 0 ? SUBJECTS : FEWER
    if (charges > 0) await fill('default', subjects, 1)
    const before = await usedBytes(server)
    for (; hours < windows; hours++) await fill('default', subjects, Math.max(1, charges))
    const bytes = ((await usedBytes(server)) - before) / (subjects * Math.max(1, charges))
    await store.close()
    const key = (await sampleKey(server)) as string
    if ((await server.call('PTTL', key)) === -1) throw new Error(`${key} has no expiry`)
    const shown =
      packed === undefined ? shownValue(String(await server.call('GET', key))) : `a hash of ${Number(await server.call('HLEN', key))}`
    return `| ${what} | ${bytes.toFixed(charges === 0 && packed === undefined ? 0 : 1)} | ${charges === 0 ? `\`${key}\`` : ''} | ${charges === 0 ? shown : ''} |`
  } finally {
    await server.stop()
  }
}

function shownValue(value: string): string {
  return /[^ -~\n]/.test(value) ? `${Buffer.byteLength(value, 'latin1')} bytes` : `\`${value.replaceAll('\n', '↵')}\``
}

function uuid(id: number): string {
  const hex = (id * 2_654_435_761).toString(16).padStart(20, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4000-8000-${hex.slice(8)}`
}

async function usedBytes(server: Server): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(String(await server.call('INFO', 'memory')))?.[1])
}

async function sampleKey(server: Server): Promise<unknown> {
  for (;;) {
    const key = await server.call('RANDOMKEY')
    if (String(key).includes(':default/')) return key
  }
}
