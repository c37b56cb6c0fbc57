// One contender of redis.ts or regions.ts: `redis-process.ts <contender> <in flight> <subjects>`, with a Redis server of its own. It has a process of
// its own, since the compiler would shape shared code for all contenders at once.
import { createLimiter, fixedWindow, type LimitRule, slidingWindow, tokenBucket } from '@sluice/core'
import { redisStore, type RedisStoreOptions } from '@sluice/redis'
import { type RegionMode, regions } from '@sluice/regions'
import { startRedis } from '@sluice/testing/redis'
import { closedLoop, visitAll } from '../measure/load.ts'
import { answerParent, namedContender, type Order } from '../measure/process.ts'
import { uniform } from '../measure/subjects.ts'
import { connect, type Decide, LIMIT, PEERS, PEERS_CALLED_THREE_TIMES, WINDOW, WINDOWS_OF_THREE, WITHOUT_LAYERS } from '../peers.ts'

const [, inFlight = '', count = ''] = process.argv.slice(2)
const server = await startRedis()
const client = connect(server.url)
const sliding = slidingWindow({ name: 'a', limit: LIMIT, window: WINDOW })

const bucket = tokenBucket({ name: 'a', limit: LIMIT, window: WINDOW })

const CONTENDERS: Readonly<Record<string, () => Decide | Promise<Decide>>> = {
  incr: () => (subject) => client.incr(subject),
  ...Object.fromEntries(Object.entries(PEERS).map(([peer, make]) => [peer, () => make(client)])),
  ...Object.fromEntries(Object.entries(PEERS_CALLED_THREE_TIMES).map(([peer, make]) => [`${peer} three`, () => make(client)])),
  sliding: () => sluice([sliding]),
  fixed: () => sluice([fixedWindow({ name: 'a', limit: LIMIT, window: WINDOW })]),
  three: () =>
    sluice([
      sliding,
      fixedWindow({ name: 'b', limit: LIMIT, window: WINDOWS_OF_THREE[1] }),
      fixedWindow({ name: 'c', limit: LIMIT, window: WINDOWS_OF_THREE[2] }),
    ]),
  default: () => sluice([sliding], {}),
  bucket: () => sluice([bucket]),
  local: () => sluice([sliding], inRegions('local')),
  eventual: () => sluice([sliding], inRegions('eventual')),
  'eventual bucket': () => sluice([bucket], inRegions('eventual')),
  'eventual and exchange': () => sluice([sliding], inRegions('eventual', 1_000)),
  packed: () => sluice([sliding], { ...WITHOUT_LAYERS, packed: { subjects: Number(count) } }),
}

function sluice(limits: readonly LimitRule<string>[], options = WITHOUT_LAYERS): Decide {
  const limiter = createLimiter({ limits, store: redisStore({ url: server.url }, options) })
  return (subject) => limiter.consume(subject)
}

/** A store in one of three regions, whose messages go nowhere. By the default interval nothing is exchanged during a round. */
function inRegions(mode: RegionMode, interval = 60_000): RedisStoreOptions {
  const transport = { publish: () => Promise.resolve(), subscribe: () => Promise.resolve(() => Promise.resolve()) }
  return {
    ...WITHOUT_LAYERS,
    regions: regions({ self: 'eu', all: ['eu', 'us', 'ap'], transport, mode, interval, keep: 10 * interval, silence: 10 * interval }),
  }
}

/** µs of CPU that the server has used. */
async function serverCpu(): Promise<number> {
  const info = await client.info('cpu')
  const secondsOf = (field: string) => Number(new RegExp(`${field}:([\\d.]+)`).exec(info)?.[1])
  return 1e6 * (secondsOf('used_cpu_user') + secondsOf('used_cpu_sys'))
}

const decide = await namedContender(CONTENDERS)()
const subjects = uniform(Number(count))
let i = 0
answerParent((message) => {
  const order = message as Order
  if (order === 'visit all') return visitAll(subjects.names, decide)
  return closedLoop({ inFlight: Number(inFlight), decide: () => decide(subjects.at(i++)), serverCpu }, order)
})
