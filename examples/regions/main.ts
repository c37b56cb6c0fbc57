// Starts three regions, each with its own Redis and two processes, lets three clients ask, and prints what each region admitted beside
// what the promise of each mode allows. Ctrl-C ends it.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RegionsHealth } from '@sluice/core'
import { startKafka } from '@sluice/testing/kafka'
import { startRedis } from '@sluice/testing/redis'
import { Kafka, logLevel } from 'kafkajs'
import { ensureKafka } from '../../scripts/kafka.ts'
import { ask, askAll, type Client, type Regions } from './clients.ts'
import { column, table } from './table.ts'

const NAMES = ['eu', 'us', 'ap']
/** As in app.ts. */
const LIMIT = 100
/** The defaults of regions(). */
const [INTERVAL, MINIMUM] = [1_000, 0.1]

/** kafkajs 2 sets a timer of a time that is over, which Node warns of. */
const EXEC = ['--conditions=source', '--disable-warning=TimeoutNegativeWarning']

const parts: { stop(): Promise<unknown> }[] = []
const children: ChildProcess[] = []
let isEnding = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void end())

try {
  await run()
} catch (error) {
  if (!isEnding) console.error(error instanceof Error ? error.message : error)
  await end(1)
}

async function run(): Promise<void> {
  const servers = await Promise.all(NAMES.map(async (name) => [name, await startRedis()] as const))
  parts.push(...servers.map(([, server]) => server))
  const broker = process.argv.includes('--kafka') ? { KAFKA: await startBroker() } : {}
  console.log('Three Redis are up. Six processes start…')
  const env = { ...process.env, ...broker, REGIONS: JSON.stringify(Object.fromEntries(servers.map(([name, { url }]) => [name, url]))) }
  const regions = new Map(await Promise.all(NAMES.map(async (name) => [name, await startRegion(name, env)] as const)))
  console.log('Three regions are up: eu, us and ap, each with its own Redis and two processes.')
  console.log(`Messages go through ${'KAFKA' in broker ? 'a topic of Kafka' : 'streams of Redis; --kafka takes a topic of Kafka'}.`)
  await untilConnected(regions)
  console.log('Each has heard of the others.')
  console.log(`Each client may ask ${LIMIT} times a day. Three clients ask: which region admits what?`)

  title('eventual, the default: the limit, and what is on its way')
  const orders = await askAll(regions, '/orders')
  const way = Math.max(...(await healthOf(regions)).flatMap(({ peers }) => Object.values(peers).map(({ lag = 0 }) => lag)))
  console.log(results(orders, (client) => Math.min(unknown(client, way), (NAMES.length - 1) * LIMIT)))
  await sleep(1.75 * INTERVAL + way)
  const late = await Promise.all(NAMES.map(async (name) => (await ask(regions, name, '/orders', orders[2]?.name ?? '', 0)).length))
  console.log(
    `\nTwo seconds later, the third client asks each region again: ${late.some((one) => one > 0) ? 'admitted' : 'refused everywhere'}.`,
  )

  title('strict: never more than the limit. Each region begins with a third of it, and asks the others when it needs more')
  console.log(results(await askAll(regions, '/payments'), () => 0))

  title('local: the limit in each region')
  console.log(results(await askAll(regions, '/login'), () => (NAMES.length - 1) * LIMIT))

  title('What each region has heard of the others')
  console.log(await heard(regions))

  console.log('\nListening. Ask any region for the same client:')
  console.log([...regions].map(([name, [url]]) => `  curl -i -H 'X-Client: me' ${url}/orders   # ${name}`).join('\n'))
  console.log('Ctrl-C ends it.')
}

async function startBroker(): Promise<string> {
  await ensureKafka()
  const kafka = await startKafka()
  parts.push(kafka)
  const admin = new Kafka({ brokers: [kafka.address], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  // As many partitions as a region has processes.
  await admin.createTopics({ topics: [{ topic: 'sluice.regions.v1', numPartitions: 2 }], waitForLeaders: true })
  await admin.disconnect()
  return kafka.address
}

async function startRegion(name: string, env: NodeJS.ProcessEnv): Promise<readonly string[]> {
  const processes = [0, 1].map(async () => {
    const child = fork(join(import.meta.dirname, 'app.ts'), { env: { ...env, REGION: name, PORT: '0' }, execArgv: EXEC })
    children.push(child)
    // A process that ends early has printed the reason. The example needs all of them.
    child.once('exit', () => isEnding || void end(1))
    const [{ port }] = (await once(child, 'message')) as [{ readonly port: number }]
    return `http://localhost:${port}`
  })
  return Promise.all(processes)
}

/** Waits until each region has heard of each other. A region says nothing of a client that has used less than a tenth of its limit. */
async function untilConnected(regions: Regions): Promise<void> {
  for (const name of NAMES) for (let i = 0; i < LIMIT / 5; i++) await ask(regions, name, '/orders', 'the first client', i)
  for (;;) {
    const heardOf = (await healthOf(regions)).map(({ self, peers }) =>
      Object.keys(peers).map((peer) => `${self} ${peer} ${peers[peer]?.lag}`),
    )
    const pairs = new Set(
      heardOf
        .flat()
        .filter((pair) => !pair.endsWith('undefined'))
        .map((pair) => pair.split(' ', 2).join(' ')),
    )
    if (pairs.size === NAMES.length * (NAMES.length - 1)) return
    await sleep(100)
  }
}

/** What each process says of the exchange. */
async function healthOf(regions: Regions): Promise<readonly RegionsHealth[]> {
  const urls = [...regions.values()].flat()
  return Promise.all(urls.map(async (url) => (await (await fetch(`${url}/health`)).json()) as RegionsHealth))
}

/** U of docs/regions.md: units of other regions that the last admission of a client may not have known. `way`: ms. */
function unknown({ admissions }: Client, way: number): number {
  const last = admissions.toSorted((a, b) => a.answered - b.answered).at(-1)
  if (last === undefined) return 0
  const since = last.asked - (1.75 * INTERVAL + way)
  const recent = admissions.filter(({ region, answered }) => region !== last.region && answered > since).length
  const used = new Set(admissions.map(({ region }) => region))
  return recent + (used.size - 1) * MINIMUM * LIMIT
}

function results(clients: readonly Client[], bound: (client: Client) => number): string {
  const percent = (units: number): string => `${((100 * units) / LIMIT).toFixed(0)} %`
  const rows = clients.map((client) => {
    const { name, asked, admissions } = client
    const above = Math.max(0, admissions.length - LIMIT)
    const allowed = bound(client)
    if (above > allowed) throw new Error(`${name}: ${above} above the limit, and at most ${allowed} were expected`)
    const each = NAMES.map((region) => admissions.filter((one) => one.region === region).length)
    return [name, asked, ...each, admissions.length, percent(above), percent(allowed)]
  })
  return table([['client', 'asked', ...NAMES, 'together', 'above the limit', 'at most'], ...rows])
}

async function heard(regions: Regions): Promise<string> {
  const health = await healthOf(regions)
  const rows = NAMES.map((name) => {
    const own = health.filter(({ self }) => self === name)
    const lags = NAMES.map((peer) => {
      const known = own.flatMap(({ peers }) => peers[peer]?.lag ?? [])
      return peer === name ? '–' : `${Math.max(...known)} ms`
    })
    const sum = (of: (one: RegionsHealth) => number): number => column(own.map(of))
    return [name, ...lags, sum(({ sent }) => sent), sum(({ applied }) => applied), sum(({ over }) => over)]
  })
  return table([['region', ...NAMES.map((name) => `way from ${name}`), 'sent', 'applied', 'units above a limit'], ...rows])
}

function title(text: string): void {
  console.log(`\n── ${text}`)
}

async function end(code = 0): Promise<void> {
  if (isEnding) return
  isEnding = true
  const running = children.filter((child) => child.exitCode === null && child.connected)
  await Promise.all(running.map((child) => (child.disconnect(), once(child, 'exit'))))
  await Promise.all(parts.map((part) => part.stop()))
  process.exit(code)
}
