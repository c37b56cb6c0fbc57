// Starts Redis, Kafka, Prometheus and three processes of the app, lets a crowd ask for 20 s, and prints what each part saw. Ctrl-C ends it.
import { type ChildProcess, execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startKafka } from '@sluice/testing/kafka'
import { startPrometheus } from '@sluice/testing/prometheus'
import { analyticsReader } from '@sluice/redis'
import { ensureKafka } from '../../scripts/kafka.ts'
import { ensurePrometheus } from '../../scripts/prometheus.ts'
import { findRedis } from '../express-redis/redis.ts'
import { crowd, type Person, type Verdict } from './crowd.ts'
import { draw } from './pictures.ts'
import { createTopics, readTopics } from './topics.ts'

const VERDICTS: readonly Verdict[] = ['allowed', 'refused', 'blocked']
const SECONDS = 20
/** Processes send their counts every 10 s. */
const UNTIL_SENT = 11_000
const secret = 'the secret of this example, 32 letters or so'
const file = (name: string): string => join(import.meta.dirname, name)
const rules = join(import.meta.dirname, '../../deploy/prometheus/rules.yml')

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
  await ensureKafka()
  await ensurePrometheus()
  const redis = await started(findRedis())
  const kafka = await started(startKafka())
  await createTopics(kafka.address)
  const env = { ...process.env, REDIS_URL: redis.url, KAFKA: kafka.address, POLICY: file('sluice.yaml'), SLUICE_SECRET: secret, PORT: '0' }
  const apps = await Promise.all(['A', 'B', 'C'].map((name) => startApp({ ...env, NAME: name })))
  const prometheus = await started(startPrometheus({ targets: apps.map(({ metrics }) => `127.0.0.1:${metrics}`), rules }))
  // rate() sees only what comes after the first scrape.
  while ((await prometheus.query('up == 1')).length < apps.length) await sleep(200)
  const urls = apps.map(({ port }) => `http://localhost:${port}`)
  console.log(`Three processes, Redis, Kafka and Prometheus are up. A crowd asks for ${SECONDS} s…\n`)

  const began = Date.now()
  const people = await crowd(urls, SECONDS)
  const ended = Date.now()
  console.log('The crowd is done. The processes send what they have counted within 10 s…')
  await sleep(UNTIL_SENT)
  const reader = analyticsReader({ url: redis.url }, { secret })
  const usage = await reader.usage({ namespace: 'shop', step: '1h' })
  const samples = await prometheus.query('sum by (verdict) (sluice_decisions_total{namespace="shop",mode="enforce"})')
  const topics = await readTopics(kafka.address)

  title('What the clients were answered')
  console.log(crowdTable(people))
  title('Each part has counted the same requests')
  const counted = VERDICTS.map((verdict) => [
    verdict,
    sum(people, verdict),
    sumOf(samples.filter(({ labels }) => labels['verdict'] === verdict).map(({ value }) => value)),
    sumOf(usage.filter((row) => row.verdict === verdict).map(({ requests }) => requests)),
    topics.usage.get(verdict) ?? 0,
  ])
  console.log(table([['verdict', 'clients', 'Prometheus', 'Redis', 'Kafka'], ...counted]))
  title('Who was refused most: sluice top')
  console.log(await sluice(['top', '--namespace', 'shop', '--since', '1m', '--limit', '3'], redis.url))
  title('What a stricter limit would refuse, by route: it is in shadow')
  const shadow = await reader.usage({ namespace: 'shop', policy: 'stricter', mode: 'shadow', step: '1h', by: ['endpoint', 'verdict'] })
  const routes = [...new Set(shadow.map(({ endpoint = '' }) => endpoint))].map((route) => [
    route,
    ...(['allowed', 'refused'] as const).map((verdict) =>
      sumOf(shadow.filter((row) => row.endpoint === route && row.verdict === verdict).map(({ requests }) => requests)),
    ),
  ])
  console.log(table([['route', 'allowed', 'would be refused'], ...routes]))
  title('Why the bot is blocked: sluice why')
  console.log(await sluice(['why', '203.0.113.9'], redis.url))
  title('Who is blocked: sluice blocks')
  console.log(await sluice(['blocks'], redis.url))
  title('What left the processes has no address in the clear')
  const metrics = await Promise.all(apps.map(async (app) => (await fetch(`http://127.0.0.1:${app.metrics}`)).text()))
  const boards = JSON.stringify([await reader.topViolators({ namespace: 'shop', limit: 1_000 }), usage])
  const messages = topics.messages.map(({ text }) => text).join('\n')
  for (const [name, text] of Object.entries({ metrics: metrics.join(), 'boards in Redis': boards, 'messages in Kafka': messages })) {
    const found = people.filter(({ address }) => text.includes(address)).length
    console.log(`${name.padEnd(18)}${String(text.length).padStart(9)} characters, ${found} addresses`)
  }
  await reader.close()
  const [, folder] = /^--pictures=(.+)$/.exec(process.argv[2] ?? '') ?? []
  if (folder !== undefined) console.log((await draw(prometheus.url, folder, began, ended)).join('\n'))

  console.log(`\nListening. Prometheus: ${prometheus.url}/graph  ·  Redis: ${redis.url}`)
  console.log(`  curl -i -H 'X-Forwarded-For: 198.51.100.99' ${urls[0]}/search`)
  console.log(`  REDIS_URL=${redis.url} npx sluice top --live 2`)
  console.log(`  npx sluice watch kafka://${kafka.address}`)
  console.log('Ctrl-C ends it.')
}

async function started<T extends { stop(): Promise<unknown> }>(part: Promise<T>): Promise<T> {
  const one = await part
  parts.push(one)
  return one
}

async function startApp(env: NodeJS.ProcessEnv): Promise<{ readonly port: number; readonly metrics: number }> {
  // kafkajs 2 sets a timer of a time that is over, which Node warns of.
  const child = fork(file('app.ts'), { env, execArgv: ['--conditions=source', '--disable-warning=TimeoutNegativeWarning'] })
  children.push(child)
  // A process that ends early has printed the reason. The example needs all of them.
  child.once('exit', () => isEnding || void end(1))
  const [ports] = (await once(child, 'message')) as [{ readonly port: number; readonly metrics: number }]
  return ports
}

function crowdTable(people: readonly Person[]): string {
  // The shoppers are one row.
  const named = people.filter(({ name }) => name !== '')
  const rows = named.map(({ name, address, counts, blockedAfter }) => {
    const all = name.endsWith('shoppers') ? people.filter((one) => one.name === '' || one.name === name).map((one) => one.counts) : [counts]
    const when = blockedAfter === undefined ? 'never' : `after ${(blockedAfter / 1000).toFixed(1)} s`
    return [name, all.length > 1 ? `${address} …` : address, ...VERDICTS.map((verdict) => sumOf(all.map((each) => each[verdict]))), when]
  })
  return table([['client', 'address', ...VERDICTS, 'first 403'], ...rows])
}

function sum(people: readonly Person[], verdict: Verdict): number {
  return sumOf(people.map(({ counts }) => counts[verdict]))
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

function table(rows: readonly (readonly (string | number)[])[]): string {
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => String(row[i] ?? '').length))) ?? []
  return rows
    .map((row) =>
      row
        .map((cell, i) => (typeof cell === 'number' ? String(cell).padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** Runs the command as `npx sluice` does. Its findings are no error of this program. */
function sluice(words: readonly string[], url: string): Promise<string> {
  const bin = fileURLToPath(new URL('bin.ts', import.meta.resolve('@sluice/cli')))
  const env = { ...process.env, REDIS_URL: url, SLUICE_SECRET: secret, NO_COLOR: '1' }
  return new Promise((resolve) => {
    execFile(process.execPath, ['--conditions=source', bin, ...words], { env }, (_error, out, problem) =>
      resolve((out || problem).trimEnd()),
    )
  })
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
