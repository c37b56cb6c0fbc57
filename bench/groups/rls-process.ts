// The check service as the group `rls` measures it: the ports of gRPC and HTTP, a kind, and the port of Redis, or none for memory.
import { documentPolicies, parseDocument } from '@sluice/policies'
import { redisStore, type RedisStoreOptions } from '@sluice/redis'
import { serve } from '@sluice/server'

const NAMES = ['user', 'tenant', 'route']

/** A limit for each of three attributes. */
function documentOf(namespace: string, limit: number): string {
  const subjects = NAMES.map((name) => `  ${name}: { parts: [{ attribute: ${name} }], missing: skip }`)
  const policies = NAMES.map(
    (name) =>
      `  - name: ${name}s\n    rules: [{ name: all, limits: [{ name: minute, algorithm: fixedWindow, limit: ${limit}, window: 1h, subject: ${name} }] }]`,
  )
  return `apiVersion: sluice/v1\nnamespace: ${namespace}\nrevision: 1\nsubjects:\n${subjects.join('\n')}\npolicies:\n${policies.join('\n')}\n`
}

const documents = [documentOf('bench', 1_000_000_000), documentOf('refused', 1)]
// It throws for a document that is not valid, before anything is measured.
for (const text of documents) await documentPolicies(parseDocument(text)).close()

/** What decides. A deadline would let this process decide in place of a Redis that is busy. */
const LAYERS: Readonly<Record<string, RedisStoreOptions>> = {
  redis: { failover: { deadline: 5_000 }, denyCache: false },
  layers: { failover: { deadline: 5_000 }, leases: { hot: 10 } },
}

const [, , grpc, http, kind = '', redis] = process.argv
await serve({
  http: { port: Number(http) },
  grpc: { port: Number(grpc) },
  policies: {
    name: 'the documents of the bench',
    load: () => Promise.resolve({ documents: documents.map((text, i) => ({ key: String(i), text })) }),
    watch: (_cursor, _emit, signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve())),
  },
  store: redis === undefined ? undefined : redisStore({ url: `redis://127.0.0.1:${redis}` }, LAYERS[kind]),
})
