// The cases of envoyproxy/ratelimit, imported, and asked of it and of our service: each descriptor has the same verdict. Slow tier: Go builds the peer.
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { type Client, credentials, loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { runCli } from '@sluice/cli'
import type { PolicySource } from '@sluice/policies'
import { redisStore } from '@sluice/redis'
import { serve } from '@sluice/server'
import { startRedis } from '@sluice/testing/redis'
import { startEnvoyRateLimit } from '@sluice/testing/rls'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CORPUS } from './support/rls/corpus.ts'
import { descriptorsOf, type Entries } from './support/rls/descriptors.ts'
import { ROOT } from './support/workspace.ts'

interface Status {
  readonly code: string
  readonly current_limit: { readonly requests_per_unit: number } | null
  readonly limit_remaining: number
}
interface Answer {
  readonly overall_code: string
  readonly statuses: readonly Status[]
}
interface Asked {
  readonly domain: string
  readonly descriptors: readonly { readonly entries: Entries }[]
  readonly hits_addend?: number
}
type Service = (request: Asked) => Promise<Answer>

const ends: (() => unknown)[] = []
let [theirs, ours]: readonly Service[] = []
let redis: Redis

beforeAll(async () => {
  const server = await startRedis()
  ends.push(() => server.stop())
  redis = new Redis(server.url)
  ends.push(() => redis.disconnect())
  const configurations = Object.values(CORPUS).map(({ config }) => config)
  const peer = await startEnvoyRateLimit(Number(new URL(server.url).port), configurations)
  ends.push(() => peer.stop())
  theirs = clientOf(peer.address)
  const documents = await Promise.all(configurations.map(async (config) => (await sluice(['policies', 'import', '-'], config)).out))
  // Only Redis decides, since the test empties it.
  const store = redisStore({ url: server.url }, { failover: false, denyCache: false })
  ends.push(() => store.close?.())
  const service = await serve({ http: false, grpc: { port: 0 }, drain: { delay: 0 }, store, policies: sourceOf(documents) })
  ends.push(() => service.close())
  ours = clientOf(new URL(service.grpc?.url ?? '').host)
}, 120_000)
afterAll(async () => {
  for (const end of ends.toReversed()) await end()
})

describe.each(Object.entries(CORPUS))('%s', (_name, { config, notes = [] }) => {
  const domain = /^domain: (\S+)$/m.exec(config)?.[1] ?? ''

  test('the import names what it leaves out, and no more', async () => {
    const { status, out, err } = await sluice(['policies', 'import', '-'], config)
    expect(err.trim() === '' ? [] : err.trim().split('\n')).toEqual(notes.map((note) => expect.stringContaining(note)))
    expect(status).toBe(notes.length === 0 ? 0 : 1)
    expect(await sluice(['policies', 'lint', '--rls', '-'], out)).toMatchObject({ status: 0 })
  })

  test('each descriptor has the same verdict', async () => {
    for (const entries of descriptorsOf(config)) {
      const [expected, got] = await inOneWindow(async () => {
        const calls = [1, 1, 1, ...(await restOf(domain, entries))]
        await redis.flushall()
        return [await verdicts(theirs as Service, domain, entries, calls), await verdicts(ours as Service, domain, entries, calls)]
      })
      expect(got, JSON.stringify(entries)).toEqual(expected)
    }
  }, 300_000)

  // `replaces` is about several descriptors, and the import has named it.
  if (notes.some((note) => note.includes('replaces'))) return
  test('two descriptors have the same verdicts, until one of them is refused', async () => {
    const all = descriptorsOf(config)
    for (const [i, first] of all.entries()) {
      const descriptors = [first, all[(i + 1) % all.length] as Entries].map((entries) => ({ entries }))
      const [expected, got] = await inOneWindow(async () => {
        await redis.flushall()
        return [
          await untilRefused(theirs as Service, { domain, descriptors }),
          await untilRefused(ours as Service, { domain, descriptors }),
        ]
      })
      expect(got, JSON.stringify(descriptors)).toEqual(expected)
    }
  }, 300_000)
})

/** How many units are left of a limit after three calls, and two calls beyond: the window is full, and then refuses. */
async function restOf(domain: string, entries: Entries): Promise<readonly number[]> {
  const { statuses } = await (theirs as Service)({ domain, descriptors: [{ entries }] })
  const limit = statuses[0]?.current_limit?.requests_per_unit ?? 0
  return limit > 3 ? [limit - 3, 1, 1] : []
}

async function verdicts(service: Service, domain: string, entries: Entries, calls: readonly number[]): Promise<readonly object[]> {
  const all: object[] = []
  for (const hits_addend of calls) {
    const { overall_code, statuses } = await service({ domain, descriptors: [{ entries }], hits_addend })
    all.push({ overall_code, codes: statuses.map(({ code }) => code) })
  }
  return all
}

async function untilRefused(service: Service, request: Asked): Promise<readonly object[]> {
  const all: object[] = []
  for (let i = 0; i < 6 && all.length === i; i++) {
    const { overall_code, statuses } = await service(request)
    all.push({ overall_code, codes: statuses.map(({ code }) => code) })
    if (overall_code !== 'OK') break
  }
  return all
}

/** Runs until a run began and ended in one second, which is the shortest window: at its end, the peer forgets. */
async function inOneWindow<T>(run: () => Promise<T>): Promise<T> {
  for (;;) {
    const second = Math.floor(Date.now() / 1_000)
    const result = await run()
    if (Math.floor(Date.now() / 1_000) === second) return result
  }
}

async function sluice(args: readonly string[], input: string) {
  const texts = { out: '', err: '' }
  const into = (stream: keyof typeof texts) => ({ write: (text: string): void => void (texts[stream] += text), isTTY: false })
  const status = await runCli(args, { out: into('out'), err: into('err'), in: Readable.from([input]), env: {} })
  return { status, ...texts }
}

function clientOf(address: string): Service {
  const definition = loadSync('envoy/service/ratelimit/v3/rls.proto', {
    keepCase: true,
    longs: Number,
    enums: String,
    arrays: true,
    defaults: true,
    includeDirs: [join(ROOT, 'packages/server/proto')],
  })
  const path = 'envoy.service.ratelimit.v3.RateLimitService'.split('.')
  const Made = path.reduce<any>((all, name) => all[name], loadPackageDefinition(definition)) as ServiceClientConstructor
  const client = new Made(address, credentials.createInsecure()) as Client & Record<string, any>
  ends.push(() => client.close())
  return (request) =>
    new Promise((resolve, reject) => {
      client['ShouldRateLimit'](request, (error: Error | null, answer: Answer) => (error === null ? resolve(answer) : reject(error)))
    })
}

function sourceOf(texts: readonly string[]): PolicySource {
  return {
    name: 'the imported documents',
    load: () => Promise.resolve({ documents: texts.map((text, i) => ({ key: String(i), text })) }),
    watch: (_cursor, _emit, signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve())),
  }
}
