// The check service as `bench/rls.ts` measures it: PORT, and the port of Redis, or none for memory.
import { documentPolicies, parseDocument } from '@sluice/policies'
import { redisStore } from '@sluice/redis'
import { serve } from '@sluice/server'

const DOCUMENT = `
apiVersion: sluice/v1
namespace: bench
revision: 1
subjects:
${['user', 'tenant', 'route'].map((name) => `  ${name}: { parts: [{ attribute: ${name} }], missing: skip }`).join('\n')}
policies:
${['user', 'tenant', 'route'].map((name) => `  - name: ${name}s\n    rules: [{ name: all, limits: [{ name: minute, algorithm: fixedWindow, limit: 1000000, window: 1m, subject: ${name} }] }]`).join('\n')}
`
// It throws for a document that is not valid, before anything is measured.
await documentPolicies(parseDocument(DOCUMENT)).close()

const [, , port, redis] = process.argv
await serve({
  http: false,
  grpc: { port: Number(port) },
  policies: {
    name: 'the document of the bench',
    load: () => Promise.resolve({ documents: [{ key: 'bench', text: DOCUMENT }] }),
    watch: (_cursor, _emit, signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve())),
  },
  store: redis === undefined ? undefined : redisStore({ url: `redis://127.0.0.1:${redis}` }),
})
