import { defineConfig } from 'vitest/config'

// Workspace packages resolve to their sources, so that no test can run against a stale build. Node gets these conditions too, for
// `require` as well: `import` or `module` among them would hand ES modules to CommonJS dependencies.
const resolve = { conditions: ['source', 'node'] }
const ssr = { resolve }
interface More {
  readonly include?: string[]
  readonly exclude?: string[]
  readonly sequence?: { readonly groupOrder: number }
}
const project = (name: string, root: string, testTimeout = 10_000, { include = ['**/*.test.ts'], exclude = [], ...more }: More = {}) => ({
  resolve,
  ssr,
  // Workspace packages hang in each other's node_modules, with their tests.
  test: {
    name,
    root,
    include,
    exclude: ['**/node_modules/**', ...exclude],
    testTimeout,
    dangerouslyIgnoreUnhandledErrors: false,
    ...more,
  },
})
const FAULTS = 'faults.test.ts'

// The same tests on another version of Nest: all of it from one place, since two copies in one app would not know each other's providers.
const onNest = (version: string) => {
  const base = project(`nestjs${version}`, `packages/nestjs/test/nest${version}`, 30_000)
  const copies = new URL(`packages/nestjs/test/nest${version}/node_modules/@nestjs/`, import.meta.url).pathname
  return { ...base, resolve: { ...resolve, alias: [{ find: /^@nestjs\//, replacement: copies }] } }
}

export default defineConfig({
  test: {
    projects: [
      project('core', 'packages/core'),
      project('testing', 'packages/testing'),
      project('express', 'packages/express'),
      project('koa', 'packages/koa'),
      project('hono', 'packages/hono', 30_000),
      project('nestjs', 'packages/nestjs', 30_000, { exclude: ['test/nest1*/**'] }),
      onNest('10'),
      onNest('11'),
      project('fastify', 'packages/fastify'),
      project('fetch', 'packages/fetch', 30_000),
      project('cloudflare', 'packages/cloudflare', 60_000),
      project('redis', 'packages/redis', 60_000),
      project('e2e', 'test-e2e', 120_000, { exclude: [FAULTS] }),
      // After all others: what it measures would be theirs.
      project('faults', 'test-e2e', 600_000, { include: [FAULTS], sequence: { groupOrder: 1 } }),
    ],
  },
})
