// The program itself, as `npx sluice serve` starts it.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { writeFileSync } from 'node:fs'
import { plainEnvironment } from '@sluice/testing/processes'
import { type RedisServer, startRedis, waitUntil } from '@sluice/testing/redis'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { SERVE_FLAGS } from '@sluice/server'
import { serveCommand } from '../src/serve/serve.ts'
import { BIN, documentText, newFolder, sluice } from './sluice.ts'

const folder = newFolder()
const started: ChildProcess[] = []
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL')
})

interface Served {
  readonly child: ChildProcess
  readonly out: () => string
  /** The URL of the line that is to be tried. */
  readonly url: string
}

/** Starts the program, and waits until it says where it is. */
async function serve(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<Served> {
  const command = ['--conditions=source', '--disable-warning=ExperimentalWarning', BIN, 'serve', '--port', '0', ...args]
  const child = spawn(process.execPath, command, { env: { ...plainEnvironment(), NO_COLOR: '1', ...env } })
  started.push(child)
  let [out, err] = ['', '']
  child.stdout.on('data', (chunk) => (out += String(chunk)))
  child.stderr.on('data', (chunk) => (err += String(chunk)))
  await waitUntil('the service to say where it is', () => {
    if (child.exitCode !== null) throw new Error(`it ended: ${err}`)
    return /http:\/\/127\.0\.0\.1:\d+/.test(out)
  })
  return { child, out: () => out, url: /http:\/\/127\.0\.0\.1:\d+/.exec(out)?.[0] ?? '' }
}

async function statusAfter(signal: NodeJS.Signals, { child }: Served): Promise<unknown> {
  child.kill(signal)
  const [status] = (await once(child, 'exit')) as [number | null]
  return status
}

test('the line to try is answered, and a signal ends the service with status 0', async () => {
  const service = await serve()
  const [, line = ''] = /curl -i '(.*)'/.exec(service.out()) ?? []
  const answer = await fetch(line)
  expect(answer.status).toBe(200)
  expect(await answer.json()).toMatchObject({ allowed: true, remaining: 99 })
  expect((await fetch(`${line}&cost=100`)).status).toBe(429)
  const [, request = '', place] =
    /grpcurl -plaintext -d '(.*)' \\\n +(\S+) envoy\.service\.ratelimit\.v3\.RateLimitService\/ShouldRateLimit/.exec(service.out()) ?? []
  expect(JSON.parse(request)).toEqual({ domain: 'default', descriptors: [{ entries: [{ key: 'user_id', value: 'ada' }] }] })
  expect(service.out()).toContain(`gRPC      http://${place}\n`)
  expect(await statusAfter('SIGTERM', service)).toBe(0)
})

test('--json: where the service is, as a line', async () => {
  const service = await serve(['--json'])
  expect(JSON.parse(service.out())).toEqual({ http: service.url, grpc: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) })
  expect(await statusAfter('SIGINT', service)).toBe(0)
})

test('a document is followed while the service runs', async () => {
  const file = folder.file('sluice.yaml', documentText(1, 2))
  const { url, out } = await serve(['--policies', file])
  expect(out()).toContain(file)
  const ask = () => fetch(`${url}/check?path=/&ip=203.0.113.7`)
  for (const status of [200, 200, 429]) expect((await ask()).status).toBe(status)
  writeFileSync(file, documentText(2, 100))
  await waitUntil('the change to hold', async () => (await ask()).status === 200)
})

describe('with Redis', () => {
  let redis: RedisServer
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis.stop())

  test('two services share their counts', async () => {
    const both = [await serve(['--redis', redis.url]), await serve([], { REDIS_URL: redis.url })]
    const remaining: unknown[] = []
    for (const { url } of both)
      remaining.push(((await (await fetch(`${url}/check?user_id=ada`)).json()) as { remaining: number }).remaining)
    expect(remaining).toEqual([99, 98])
    for (const service of both) expect(await statusAfter('SIGTERM', service)).toBe(0)
  })
})

test('the options of the service are those of the command, and both say the same of a value', () => {
  for (const { name, value } of SERVE_FLAGS) {
    const option = serveCommand.options.find((each) => each.name === name)
    expect(option, name).toBeDefined()
    expect(option?.value === undefined, name).toBe(value === undefined)
  }
})

test('--print-config writes what holds, and nothing listens', async () => {
  const args = ['serve', '--host', '::1', '--port', '9000', '--redis', 'redis://me:geheim@127.0.0.1:6379', '--print-config']
  const { status, out } = await sluice(args)
  expect(status).toBe(0)
  expect(out).toBe('http:\n  listen: "[::1]:9000"\ngrpc:\n  listen: "[::1]:8081"\nredis:\n  url: redis://me:***@127.0.0.1:6379\n')
})

test('a port that is taken', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as { readonly port: number }
  expect(await sluice(['serve', '--port', String(port)])).toMatchObject({
    status: 2,
    err: expect.stringContaining(`port ${port} of 127.0.0.1 is taken; choose another:  --port ${port + 1}`),
  })
  expect(await sluice(['serve', '--port', '0', '--grpc-port', String(port)])).toMatchObject({
    status: 2,
    err: expect.stringContaining(`port ${port} of 127.0.0.1 is taken; choose another:  --grpc-port ${port + 1}`),
  })
  taken.close()
})

test.each([
  [['--policies', 'none.yaml'], 'none.yaml cannot be read: there is no such file'],
  [['--policies', 'ftp://u:geheim@host/topic'], 'policies.from: expected a path, redis://host:6379/0?key=…'],
  [['--redis', 'localhost'], 'redis.url: expected a URL such as redis://localhost:6379'],
  [['--port', '70000'], '--port: expected a whole number, 0 to 65535, got 70000'],
])('sluice serve %j is refused', async (args, message) => {
  const { status, err } = await sluice(['serve', ...args])
  expect(status).toBe(2)
  expect(err).toContain(message)
  expect(err).not.toContain('geheim')
})
