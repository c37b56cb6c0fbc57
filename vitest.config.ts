import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

// Workspace packages resolve to their sources, so that no test can run against a stale build. Node gets these conditions too, for
// `require` as well: `import` or `module` among them would hand ES modules to CommonJS dependencies.
const resolve = { conditions: ['source', 'node'] }
const ssr = { resolve }
interface More {
  readonly include?: string[]
  readonly exclude?: string[]
  readonly testTimeout?: number
  readonly sequence?: { readonly groupOrder: number }
}
// A time limit is there to end what hangs, so it is far above what anything takes, on a busy machine too.
const project = (name: string, root: string, { include = ['**/*.test.ts'], exclude = [], ...more }: More = {}) => ({
  resolve,
  ssr,
  test: {
    name,
    root,
    include,
    // Workspace packages hang in each other's node_modules, with their tests.
    exclude: ['**/node_modules/**', ...exclude],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    dangerouslyIgnoreUnhandledErrors: false,
    ...more,
  },
})
const FAULTS = 'faults.test.ts'

// The same tests on another version of Nest: all of it from one place, since two copies in one app would not know each other's providers.
const onNest = (version: string) => {
  const base = project(`nestjs${version}`, `packages/nestjs/test/nest${version}`)
  const copies = new URL(`packages/nestjs/test/nest${version}/node_modules/@nestjs/`, import.meta.url).pathname
  return { ...base, resolve: { ...resolve, alias: [{ find: /^@nestjs\//, replacement: copies }] } }
}

export default defineConfig({
  test: {
    // One of two cores, as is the default, would mostly wait: for servers to start, for clocks to pass.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      project('core', 'packages/core'),
      project('testing', 'packages/testing'),
      project('express', 'packages/express'),
      project('koa', 'packages/koa'),
      project('hono', 'packages/hono'),
      project('nestjs', 'packages/nestjs', { exclude: ['test/nest1*/**'] }),
      onNest('10'),
      onNest('11'),
      project('fastify', 'packages/fastify'),
      project('fetch', 'packages/fetch'),
      project('cloudflare', 'packages/cloudflare'),
      project('redis', 'packages/redis'),
      project('e2e', 'test-e2e', { exclude: [FAULTS], testTimeout: 120_000 }),
      // After all others: what it measures would be theirs.
      project('faults', 'test-e2e', { include: [FAULTS], testTimeout: 600_000, sequence: { groupOrder: 1 } }),
    ],
  },
})
