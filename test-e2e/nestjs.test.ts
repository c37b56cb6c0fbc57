// The NestJS example as a person has it: compiled, started, asked, ended.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { until } from '@sluice/testing/redis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { binary, ROOT } from './support/workspace.ts'

const FOLDER = join(ROOT, 'examples', 'nestjs')
let url = ''
let end = async (): Promise<unknown> => undefined

beforeAll(async () => {
  // `npm start`, one half after the other.
  const compiled = spawnSync(process.execPath, [binary('typescript', 'tsc'), '-b'], { cwd: FOLDER, encoding: 'utf8' })
  if (compiled.status !== 0) throw new Error(compiled.stdout)
  const child = spawn(process.execPath, ['--conditions=source', 'dist/main.js'], { cwd: FOLDER, env: { ...process.env, PORT: '0' } })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text))
  const ended = once(child, 'close')
  end = () => {
    child.kill('SIGTERM')
    return ended
  }
  await until('the example to listen', () => child.exitCode !== null || said.includes('Listening.'))
  if (child.exitCode !== null) throw new Error(`It ended before it was ready:\n${said}`)
  url = /http:\/\/\S+/.exec(said)![0].replace('[::1]', 'localhost')
}, 120_000)
afterAll(() => end())

async function ask(path: string, key?: string, method = 'GET') {
  const response = await fetch(new URL(path, url), { method, headers: key === undefined ? {} : { 'x-api-key': key } })
  const limits = (name: string): string[] => (response.headers.get(name) ?? '').split(', ')
  return {
    status: response.status,
    policy: limits('ratelimit-policy'),
    left: limits('ratelimit'),
    retry: Number(response.headers.get('retry-after')),
    text: await response.text(),
  }
}

test('plans by key, with a limit by address beside the key that anybody can choose', async () => {
  const free = await ask('/', 'one')
  expect(free).toMatchObject({
    status: 200,
    text: '{"hello":"world"}',
    policy: ['"address";q=30;w=60', '"minute";q=5;w=60', '"day";q=1000;w=86400'],
  })
  const rotated = await ask('/', 'two')
  expect(rotated.left[0], 'another key, the same address').toContain('"address";r=28')
  expect(rotated.left[1]).toContain('"minute";r=4')
  expect((await ask('/', 'key-of-alice')).policy).toEqual(['"minute";q=50;w=60', '"day";q=1000000;w=86400'])
})

test('a limit of a method takes the place of the plan’s, and a refusal says when to come again', async () => {
  expect(await ask('/report', 'three')).toMatchObject({ status: 200, policy: expect.arrayContaining(['"minute";q=1;w=60']) as string[] })
  const refused = await ask('/report', 'three')
  expect(refused).toMatchObject({ status: 429 })
  expect(JSON.parse(refused.text)).toMatchObject({ 'violated-policies': ['minute'], retry_after: refused.retry })
  expect((await ask('/', 'three')).left[1]).toContain('"minute";r=4')
})

test('a policy of the module', async () => {
  const statuses: number[] = []
  for (let i = 0; i < 4; i++) statuses.push((await ask('/login', `key-${i}`, 'POST')).status)
  expect(statuses).toEqual([401, 401, 401, 429])
})

test('ends cleanly', async () => {
  expect(await end()).toEqual([null, 'SIGTERM'])
})
