// The configuration: what a file, variables and flags say, which of them wins, and what is refused.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isSluiceError } from '@sluice/core'
import { toJsonSchema } from '@valibot/to-json-schema'
import { parse } from 'yaml'
import { afterAll, describe, expect, test } from 'vitest'
import { configOf, printedConfig } from '../src/index.ts'
import { configSchema } from '../src/config/schema.ts'
import { SETTINGS } from '../src/config/settings.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-config-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0
const fileOf = (text: string): string => {
  files += 1
  const file = join(folder, `${files}.yaml`)
  writeFileSync(file, text)
  return file
}
/** The message of the error, without the code and the page. */
const refused = async (input: Parameters<typeof configOf>[0]): Promise<string> => {
  const error: unknown = await configOf(input).catch((problem: unknown) => problem)
  if (!isSluiceError(error)) throw new Error(`expected a refusal, got ${JSON.stringify(error)}`)
  expect(error.code).toBe('ERR_CONFIG_INVALID')
  return error.message
}

test('the JSON Schema is made from the code that validates', async () => {
  const schema = toJsonSchema(configSchema, { target: 'draft-2020-12' })
  const file = { $schema: 'https://json-schema.org/draft/2020-12/schema', ...schema, title: 'Sluice server' }
  await expect(`${JSON.stringify(file, null, 2)}\n`).toMatchFileSnapshot(join(import.meta.dirname, '../schema/sluice-server-v1.json'))
})

describe('who wins', () => {
  const file = fileOf('http: { listen: 1001, maxBody: 2048 }\nredis: { url: redis://file:6379, prefix: shop }\nworkers: 2\n')
  test('the file alone', async () => {
    expect(await configOf({ file })).toEqual({
      http: { listen: 1_001, maxBody: 2_048 },
      redis: { url: 'redis://file:6379', prefix: 'shop' },
      workers: 2,
    })
  })
  test('variables over the file, setting by setting', async () => {
    const env = { SLUICE_CONFIG: file, SLUICE_HTTP_LISTEN: '1002', SLUICE_WORKERS: '3', OTHER: 'x' }
    expect(await configOf({ env })).toEqual({
      http: { listen: '1002', maxBody: 2_048 },
      redis: { url: 'redis://file:6379', prefix: 'shop' },
      workers: 3,
    })
  })
  test('flags over variables', async () => {
    const env = { SLUICE_HTTP_LISTEN: '1002', SLUICE_WORKERS: '3' }
    const flags = { config: file, http: 'unix:/run/s', workers: '4', redis: 'redis://flag:6379', insecure: true } as const
    expect(await configOf({ env, flags })).toEqual({
      http: { listen: 'unix:/run/s', maxBody: 2_048 },
      redis: { url: 'redis://flag:6379', prefix: 'shop' },
      workers: 4,
      insecure: true,
    })
  })
  test('without any of them everything has its default', async () => {
    expect(await configOf()).toEqual({})
    expect(await configOf({ file: fileOf('# nothing yet\n\n') })).toEqual({})
  })
})

describe('a file with a mistake is refused with its line', () => {
  test.each([
    ['http:\n  listn: 8080\n', 'line 2 http.listn: expected no field "listn" here'],
    ['htp: {}\n', 'line 1 htp: expected no field "htp" here'],
    ['workers: many\n', 'line 1 workers: expected a number, got "many"'],
    ['http:\n  maxBody: 1\n', 'line 2 http.maxBody: expected 1024 or more, got 1'],
    [
      "http:\n  listen: ':8080'\n",
      "line 2 http.listen: expected [HOST:]PORT such as '8080' or '[::1]:8080', unix:PATH, or off, got \":8080\"",
    ],
    ['drain: { delay: 5 }\n', 'line 1 drain.delay: expected a text, got 5'],
    ['policies: [a]\n', 'line 1 policies: expected an object with fields, got a list of 1'],
    ['http: *a\n', 'expected no alias'],
    ['a: b: c\n', 'line 1'],
  ])('%j', async (text, message) => {
    expect(await refused({ file: fileOf(text) })).toContain(message)
  })
  test('all mistakes at once, and none of them starts the service half', async () => {
    const message = await refused({ file: fileOf('htp: {}\nworkers: 0\n'), env: { SLUICE_WORKRS: '2' }, flags: { htttp: '1' } })
    for (const part of ['htp', 'workers', 'SLUICE_WORKRS: is no setting; did you mean SLUICE_WORKERS?', '--htttp: is no flag'])
      expect(message).toContain(part)
  })
  test('a file that is not there', async () => {
    expect(await refused({ flags: { config: '/nowhere/sluice.yaml' } })).toContain('/nowhere/sluice.yaml: the file cannot be read: ENOENT')
  })
})

describe('variables', () => {
  test('every setting has one, and no two have the same', () => {
    expect(new Set(SETTINGS.map(({ variable }) => variable)).size).toBe(SETTINGS.length)
    expect(SETTINGS.find(({ path }) => path.join('.') === 'http.tls.clientCa')?.variable).toBe('SLUICE_HTTP_TLS_CLIENT_CA')
  })
  test('lists are comma-separated, or JSON', async () => {
    expect(await configOf({ env: { SLUICE_REDIS_CLUSTER: 'a:1, b:2' } })).toEqual({ redis: { cluster: ['a:1', 'b:2'] } })
    expect(await configOf({ env: { SLUICE_BLOCKS_ALLOW: '["192.0.2.0/24"]' } })).toEqual({ blocks: { allow: ['192.0.2.0/24'] } })
  })
  test('a variable with _FILE has the path of its value, without the line break at its end', async () => {
    expect(await configOf({ env: { SLUICE_SECRET_FILE: fileOf('a secret of 20 chars\n') } })).toEqual({ secret: 'a secret of 20 chars' })
    expect(await refused({ env: { SLUICE_SECRET_FILE: '/nowhere' } })).toContain('SLUICE_SECRET_FILE: the file cannot be read')
    expect(await refused({ env: { SLUICE_SECRET: 'x', SLUICE_SECRET_FILE: 'y' } })).toContain(
      'expected only one of SLUICE_SECRET and SLUICE_SECRET_FILE',
    )
  })
  test('an empty variable is none: a template leaves it so', async () => {
    expect(await configOf({ env: { SLUICE_REDIS_URL: '' } })).toEqual({})
  })
  test('trap: what Kubernetes sets for a service of the name sluice is no setting', async () => {
    const env = {
      SLUICE_SERVICE_HOST: '10.0.0.1',
      SLUICE_SERVICE_PORT: '8080',
      SLUICE_SERVICE_PORT_HTTP: '8080',
      SLUICE_PORT: 'tcp://10.0.0.1:8080',
      SLUICE_PORT_8080_TCP: 'tcp://10.0.0.1:8080',
      SLUICE_PORT_8080_TCP_ADDR: '10.0.0.1',
      SLUICE_REDIS_PORT_6379_TCP_PROTO: 'tcp',
      SLUICE_REDIS_SERVICE_HOST: '10.0.0.2',
    }
    expect(await configOf({ env })).toEqual({})
  })
  test('a value that is not valid is refused with the name of the variable', async () => {
    expect(await refused({ env: { SLUICE_WORKERS: 'many' } })).toContain('SLUICE_WORKERS: expected a number, got "many"')
    expect(await refused({ env: { SLUICE_INSECURE: 'yes' } })).toContain('SLUICE_INSECURE: expected true or false, got "yes"')
  })
})

describe('settings that do not go together', () => {
  test.each([
    [{ workers: '2' }, {}, 'workers: expected redis, since 2 workers in memory would each count alone'],
    [{}, { SLUICE_REDIS_URL: 'redis://a', SLUICE_REDIS_CLUSTER: 'a:1' }, 'redis: expected one of url, cluster and sentinels, got several'],
    [{ redis: 'localhost:6379' }, {}, 'redis.url: expected a URL such as redis://localhost:6379'],
    [{}, { SLUICE_REDIS_SENTINELS: 'a:1' }, 'redis.primary: expected sentinels and primary together'],
    [{}, { SLUICE_ANALYTICS_ENABLED: 'true' }, 'analytics.enabled: expected redis, where usage is counted'],
    [
      {},
      { SLUICE_EVENTS_SINK: 'stdout' },
      'secret: expected a text of at least 16 characters, the same in all processes, since events have subjects',
    ],
    [{}, { SLUICE_REGIONS_SELF: 'eu', SLUICE_REGIONS_ALL: 'eu,us' }, 'regions: expected redis, where this region counts'],
    [{}, { SLUICE_REGIONS_SELF: 'ap', SLUICE_REGIONS_ALL: 'eu,us' }, 'regions.self: expected one of regions.all, got "ap"'],
    [{}, { SLUICE_REGIONS_OTHERS: 'us' }, 'regions.others: expected NAME=URL, such as us=rediss://redis.us:6379'],
    [
      {},
      { SLUICE_REGIONS_SELF: 'eu', SLUICE_REGIONS_ALL: 'eu,us,ap', SLUICE_REGIONS_OTHERS: 'us=redis://a' },
      'regions.others: expected each other region once (us, ap), got us',
    ],
    [{}, { SLUICE_POLICIES_ON_MISSING: 'open' }, 'policies.namespaces: expected the namespaces that onMissing is for'],
  ])('%j %j', async (flags, env, message) => {
    expect(await refused({ flags, env })).toContain(message)
  })
  test('countApart permits workers in memory', async () => {
    expect(await configOf({ flags: { workers: '2' }, env: { SLUICE_COUNT_APART: 'true' } })).toEqual({ workers: 2, countApart: true })
  })
})

describe('secrets', () => {
  test('are in no message', async () => {
    const messages = await Promise.all([
      refused({ env: { SLUICE_SECRET: 'short-pass' } }),
      refused({ file: fileOf('secret: short-pass\n') }),
      refused({ file: fileOf('redis: { url: [short-pass] }\n') }),
      refused({ flags: { redis: 'http://user:short-pass@host' } }),
      refused({ env: { SLUICE_REGIONS_OTHERS: 'us=http://user:short-pass@host' } }),
    ])
    for (const message of messages) expect(message).not.toContain('short-pass')
  })
  test('are masked where the configuration is printed, which is a configuration again', async () => {
    const config = await configOf({
      env: {
        SLUICE_SECRET: 'a secret of 20 chars',
        SLUICE_REDIS_URL: 'rediss://user:pass-word@redis:6379/2',
        SLUICE_POLICIES_FROM: 'etcd://me:pass-word@etcd:2379/p/',
        SLUICE_REGIONS_SELF: 'eu',
        SLUICE_REGIONS_ALL: 'eu,us',
        SLUICE_REGIONS_OTHERS: 'us=rediss://me:pass-word@us:6379',
        SLUICE_POLICIES_TOKEN: 'tok-en',
        SLUICE_HTTP_MAX_BODY: '2048',
      },
    })
    const text = printedConfig(config)
    expect(parse(text)).toEqual({
      http: { maxBody: 2_048 },
      redis: { url: 'rediss://user:***@redis:6379/2' },
      regions: { self: 'eu', all: ['eu', 'us'], others: ['us=rediss://me:***@us:6379'] },
      policies: { from: 'etcd://me:***@etcd:2379/p/', token: '***' },
      secret: '***',
    })
  })
  test('a configuration of defaults says so', async () => {
    expect(printedConfig(await configOf())).toBe('# Every setting has its default.\n')
  })
})

test('a policy schema and this one are listed for editors', () => {
  const { exports } = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as { exports: object }
  expect(Object.keys(exports)).toContain('./schema/sluice-server-v1.json')
})
