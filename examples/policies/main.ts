// Starts Redis and two processes of the app, and changes their limits while they run. Ctrl-C ends it.
import { type ChildProcess, execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findRedis } from '../express-redis/redis.ts'

const names = ['A', 'B']
const first = Number(process.env['PORT'] ?? 3000)
const file = (name: string) => join(import.meta.dirname, name)

const redis = await findRedis().catch((error: Error) => {
  console.error(error.message)
  process.exit(1)
})
// A copy, which this program edits as a person would.
const folder = await mkdtemp(join(tmpdir(), 'sluice-policies-'))
const policy = join(folder, 'sluice.yaml')
await copyFile(file('sluice.yaml'), policy)
const children: ChildProcess[] = []
let isEnding = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void end())

const urls = await Promise.all(names.map(start))
title('A client without a plan may ask for 3 orders a minute, in both processes together')
await ask('/orders/17', 4, { 'x-client': 'shop-1' })

title('The file is edited: 3 becomes 6. The next request is under the new limit, and goes on with the same count')
await edit((text) => text.replace('revision: 1', 'revision: 2').replace('limit: 3,', 'limit: 6,'))
await heard('revision', 2)
await ask('/orders/17', 4, { 'x-client': 'shop-1' })

title('A bad edit is refused with its line and the reason. What was in force stays')
await edit((text) => text.replace('revision: 2', 'revision: 3').replace('limit: 6,', 'limit: six,'))
const [warning] = await heard('warning')
console.log(`${String(warning)}\n`)
await ask('/orders/17', 1, { 'x-client': 'shop-2' })

title('sluice policies diff: what changes for whom')
await edit((text) => text.replace('limit: six,', 'limit: 6,'))
await sluice('diff', file('sluice.yaml'), policy)

title('sluice policies test: the tests of the document, of which the edit has broken one')
await sluice('test', policy)

title('sluice policies replay: whom the document would have refused yesterday')
await sluice('replay', file('access.log'), '--policy', policy)

console.log(`Listening. Edit ${policy}, raise its revision, and try:`)
console.log(urls.map((url) => `  curl -i -H 'X-Client: me' ${url}/orders/1`).join('\n'))
console.log('Ctrl-C ends it.')

async function start(name: string, i: number): Promise<string> {
  const env = { ...process.env, REDIS_URL: redis.url, POLICY: policy, NAME: name, PORT: String(first && first + i) }
  const child = fork(file('app.ts'), { env, execArgv: ['--conditions=source'] })
  children.push(child)
  // A process that ends early has printed the reason. The example needs both.
  child.once('exit', () => isEnding || void end(1))
  const port = await new Promise((resolve) => {
    child.on('message', (message: { readonly port?: number }) => {
      if (message.port !== undefined) resolve(message.port)
    })
  })
  return `http://localhost:${String(port)}`
}

/** Resolves when both processes have said it. Without a value, with what they said. */
function heard(what: 'revision' | 'warning', value?: number): Promise<readonly unknown[]> {
  const said = children.map(
    (child) =>
      new Promise<unknown>((resolve) => {
        const hear = (message: Readonly<Record<string, unknown>>): void => {
          if (message[what] === undefined || (value !== undefined && message[what] !== value)) return
          child.off('message', hear)
          resolve(message[what])
        }
        child.on('message', hear)
      }),
  )
  return Promise.all(said)
}

async function edit(change: (text: string) => string): Promise<void> {
  const text = await readFile(policy, 'utf8')
  // Written beside it and renamed, as editors do, so that no process reads half of it.
  await writeFile(`${policy}.new`, change(text))
  await rename(`${policy}.new`, policy)
}

async function ask(path: string, times: number, headers: Readonly<Record<string, string>>): Promise<void> {
  for (let i = 0; i < times; i++) {
    const response = await fetch(`${urls[i % urls.length]}${path}`, { headers })
    await response.arrayBuffer()
    const shown = (name: string) => response.headers.get(name) ?? '-'
    const line = [`GET ${path}`, response.status, shown('x-answered-by'), shown('ratelimit-policy'), shown('ratelimit')]
    console.log(line.join('  '))
  }
  console.log()
}

/** Runs the command as `npx sluice` does. Its findings are no error of this program. */
async function sluice(...words: readonly string[]): Promise<void> {
  const bin = fileURLToPath(new URL('bin.ts', import.meta.resolve('@sluice/cli')))
  const output = await new Promise<string>((resolve) => {
    execFile(process.execPath, ['--conditions=source', bin, 'policies', ...words], (_error, out, problem) => resolve(out || problem))
  })
  console.log(output.replaceAll(`${folder}/`, '').replaceAll(`${import.meta.dirname}/`, ''))
}

function title(text: string): void {
  console.log(`── ${text}`)
}

async function end(code = 0): Promise<void> {
  if (isEnding) return
  isEnding = true
  const running = children.filter((child) => child.exitCode === null && child.connected)
  await Promise.all(running.map((child) => (child.disconnect(), once(child, 'exit'))))
  await redis.stop()
  await rm(folder, { recursive: true, force: true })
  process.exit(code)
}
