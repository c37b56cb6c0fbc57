import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

// Workspace packages resolve to their sources, so that no test can run against a stale build. Node uses these conditions for `require` as
// well, so `import` and `module` must not be among them: a CommonJS dependency would get an ES module.
const resolve = { conditions: ['source', 'node'] }
const ssr = { resolve }
interface Options {
  readonly include?: string[]
  readonly exclude?: string[]
  readonly testTimeout?: number
  readonly globalSetup?: string
  readonly sequence?: { readonly groupOrder: number }
}
// The time limits only end tests that hang, so they are far above what any test takes on a busy machine.
const project = (name: string, root: string, { include = ['**/*.test.ts'], exclude = [], ...others }: Options = {}) => ({
  resolve,
  ssr,
  test: {
    name,
    root,
    include,
    // Workspace packages link to each other in node_modules, with their tests.
    exclude: ['**/node_modules/**', ...exclude],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 30_000 } },
    dangerouslyIgnoreUnhandledErrors: false,
    ...others,
  },
})
const FAULTS = 'faults.test.ts'
const FLEET = 'policy-fleet.test.ts'
// Left out unless `npm run test:all` sets the variable: too much for each `npm test`.
const isFull = process.env['SLUICE_FAULTS'] === 'full'
const SLOW = isFull
  ? []
  : [
      // Each version of Jest loads all packages anew, which takes 40 s of CPU.
      'jest.test.ts',
      // Next takes 370 MB and two minutes.
      'nextjs.test.ts',
      // Prometheus learns of its Alertmanager after 5 s.
      'metrics-alert.test.ts',
      // Go compiles the collector for minutes.
      'test/collector.test.ts',
      // The engine of ClickHouse is 181 MB.
      'test/clickhouse/**',
      // Each starts a broker of Kafka of its own, which takes 10 s.
      'test/kafka-sink-away.test.ts',
      'test/watch-kafka.test.ts',
      // Go compiles the service of Envoy for minutes.
      'envoy-corpus.test.ts',
      // zsh and fish are not on every machine.
      'test/completion-shells.test.ts',
      // It opens 400 connections.
      'test/block-list/fleet.test.ts',
      // It waits for half a minute.
      'test/events/killed.test.ts',
      // A failover takes 10 s.
      'test/analytics/sentinel.test.ts',
      // The generator comes from the Python registry.
      'test/clients/python.test.ts',
      // Go builds the client.
      'test/grpc/go.test.ts',
      // It puts the service under load for 30 s.
      'test/soak.test.ts',
      // A failover takes 10 s.
      'region-failover.test.ts',
      // Three processes under a crowd take a minute.
      'observability.test.ts',
    ]

// The same tests on another version of Nest. All imports of Nest must come from one copy, since a copy does not know the providers of another.
const onNest = (version: string) => {
  const base = project(`nestjs${version}`, `packages/nestjs/test/nest${version}`)
  const copies = new URL(`packages/nestjs/test/nest${version}/node_modules/@nestjs/`, import.meta.url).pathname
  return { ...base, resolve: { ...resolve, alias: [{ find: /^@nestjs\//, replacement: copies }] } }
}

const fileOf = (path: string) => new URL(path, import.meta.url).pathname

export default defineConfig({
  test: {
    // At least three, since a test often waits: for a server to start, or for a clock. With two, two cores are idle for a sixth of the time.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    projects: [
      project('core', 'packages/core'),
      project('testing', 'packages/testing'),
      project('express', 'packages/express'),
      project('koa', 'packages/koa'),
      project('regions', 'packages/regions'),
      project('hono', 'packages/hono'),
      project('nestjs', 'packages/nestjs', { exclude: ['test/nest1*/**'] }),
      onNest('10'),
      onNest('11'),
      project('fastify', 'packages/fastify'),
      project('fetch', 'packages/fetch'),
      project('cloudflare', 'packages/cloudflare'),
      project('policies', 'packages/policies'),
      project('etcd', 'packages/etcd'),
      project('blocklist', 'packages/blocklist'),
      project('cli', 'packages/cli', { exclude: SLOW }),
      project('dynamodb', 'packages/dynamodb'),
      project('kafka', 'packages/kafka', { exclude: SLOW }),
      project('redis', 'packages/redis', { exclude: SLOW }),
      project('server', 'packages/server', { exclude: SLOW, globalSetup: fileOf('scripts/console-setup.ts') }),
      project('telemetry', 'packages/telemetry', { exclude: SLOW }),
      project('e2e', 'test-e2e', { exclude: [FAULTS, FLEET, ...SLOW], testTimeout: 120_000 }),
      // They measure CPU, memory and delays, so they run after all others, one after the other.
      project('faults', 'test-e2e', { include: [FAULTS], testTimeout: 600_000, sequence: { groupOrder: 1 } }),
      project('fleet', 'test-e2e', { include: [FLEET], testTimeout: 300_000, sequence: { groupOrder: 2 } }),
    ],
  },
})
