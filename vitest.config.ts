import { defineConfig } from 'vitest/config'

// Workspace packages resolve to their sources, so that no test can run against a stale build. Node gets these conditions too, for
// `require` as well: `import` or `module` among them would hand ES modules to CommonJS dependencies.
const resolve = { conditions: ['source', 'node'] }
const ssr = { resolve }
const project = (name: string, root: string, testTimeout = 10_000) => ({
  resolve,
  ssr,
  test: { name, root, include: ['**/*.test.ts'], testTimeout, dangerouslyIgnoreUnhandledErrors: false },
})

export default defineConfig({
  test: {
    projects: [
      project('core', 'packages/core'),
      project('testing', 'packages/testing'),
      project('express', 'packages/express'),
      project('koa', 'packages/koa'),
      project('hono', 'packages/hono', 30_000),
      project('nestjs', 'packages/nestjs', 30_000),
      project('fastify', 'packages/fastify'),
      project('fetch', 'packages/fetch', 30_000),
      project('cloudflare', 'packages/cloudflare', 60_000),
      project('redis', 'packages/redis', 60_000),
      project('e2e', 'test-e2e', 120_000),
    ],
  },
})
