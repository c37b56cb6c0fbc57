// One lane of redis.ts: `redis-process.ts <lane>`, with a Redis of its own. A process of its own, so that no lane runs on code that the
// compiler shaped for another. Told a number of ms, it decides for so long; told anything else, once for everybody.
import { createLimiter, fixedWindow, type LimitRule, slidingWindow } from '@sluice/core'
import { redisStore } from '@sluice/redis'
import { startRedis } from '@sluice/testing/redis'
import { answer } from '../child.ts'
import { everybody, flight } from '../flight.ts'
import { type Ask, connect, EXACT, LIMIT, PEERS, WINDOW } from '../redis-peers.ts'
import { uniform } from '../subjects.ts'

const [name = '', inFlight = '', count = ''] = process.argv.slice(2)
const server = await startRedis()
const client = connect(server.url)
const sliding = slidingWindow({ name: 'a', limit: LIMIT, window: WINDOW })

const LANES: Readonly<Record<string, () => Ask | Promise<Ask>>> = {
  incr: () => (subject) => client.incr(subject),
  ...Object.fromEntries(Object.entries(PEERS).map(([peer, make]) => [peer, () => make(client)])),
  sliding: () => sluice([sliding]),
  fixed: () => sluice([fixedWindow({ name: 'a', limit: LIMIT, window: WINDOW })]),
  three: () =>
    sluice([sliding, fixedWindow({ name: 'b', limit: LIMIT, window: '1d' }), fixedWindow({ name: 'c', limit: LIMIT, window: '7d' })]),
  default: () => sluice([sliding], {}),
  packed: () => sluice([sliding], { ...EXACT, packed: { subjects: Number(count) } }),
}

function sluice(limits: readonly LimitRule<string>[], options = EXACT): Ask {
  const limiter = createLimiter({ limits, store: redisStore({ url: server.url }, options) })
  return (subject) => limiter.consume(subject)
}

/** µs. */
async function serverMicros(): Promise<number> {
  const info = await client.info('cpu')
  const of = (field: string) => Number(new RegExp(`${field}:([\\d.]+)`).exec(info)?.[1])
  return 1e6 * (of('used_cpu_user') + of('used_cpu_sys'))
}

const ask = await LANES[name]?.()
if (ask === undefined) throw new Error(`no lane "${name}"`)
const subjects = uniform(Number(count))
let i = 0
answer((ms) =>
  typeof ms === 'number'
    ? flight({ inFlight: Number(inFlight), ask: () => ask(subjects.at(i++)), server: serverMicros }, ms)
    : everybody(subjects.names, ask),
)
