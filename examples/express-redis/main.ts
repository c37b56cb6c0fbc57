// Starts a Redis server and two processes of the app, sends them requests in turn, prints the responses, and serves until Ctrl-C.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { limit } from './policy.ts'
import { findRedis } from './redis.ts'

const burst = Number(process.env['BURST'] ?? limit + 2)
const first = Number(process.env['PORT'] ?? 3000)
const fields = ['X-Answered-By', 'RateLimit', 'X-RateLimit-Remaining', 'Retry-After']
const names = ['A', 'B']

const redis = await findRedis().catch((error: Error) => {
  console.error(error.message)
  process.exit(1)
})
const children: ChildProcess[] = []
let isEnding = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void end())

const urls = await Promise.all(names.map(start))
console.log(`GET / is limited to ${limit} requests per ${process.env['WINDOW'] ?? '20s'} and client address, by ${redis.url}.\n`)
const rows = [['#', 'status', ...fields]]
for (let i = 1; i <= burst; i++) {
  const response = await fetch(urls[(i - 1) % urls.length]!)
  await response.arrayBuffer()
  rows.push([`${i}`, `${response.status}`, ...fields.map((field) => response.headers.get(field) ?? '-')])
}
const width = (column: number) => Math.max(...rows.map((row) => row[column]!.length))
const lineOf = (row: readonly string[]) =>
  row
    .map((cell, i) => cell.padEnd(width(i)))
    .join('  ')
    .trimEnd()
if (burst > 0) console.log(`${rows.map(lineOf).join('\n')}\n`)
console.log(`Listening. Try:  ${urls.map((url) => `curl -i ${url}`).join('  and  ')}\nCtrl-C ends it.`)

async function start(name: string, i: number): Promise<string> {
  const env = { ...process.env, REDIS_URL: redis.url, NAME: name, PORT: String(first && first + i) }
  const child = fork(join(import.meta.dirname, 'app.ts'), { env, execArgv: ['--conditions=source'] })
  children.push(child)
  // A process that ends early has printed the reason. The example needs both.
  child.once('exit', () => isEnding || void end(1))
  const [port] = (await once(child, 'message')) as [number]
  return `http://localhost:${port}/`
}

async function end(code = 0): Promise<void> {
  if (isEnding) return
  isEnding = true
  const running = children.filter((child) => child.exitCode === null && child.connected)
  await Promise.all(running.map((child) => (child.disconnect(), once(child, 'exit'))))
  await redis.stop()
  process.exit(code)
}
