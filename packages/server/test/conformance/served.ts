import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Store } from '@sluice/core'
import type { NamespacePolicies, PolicySource } from '@sluice/policies'
import type { HttpAdapter } from '@sluice/testing'
import type { AppSpec, ContextReader, Feature, Mount, Route } from '@sluice/testing/http'
import { type RunningService, serve } from '../../src/index.ts'
import type { Ask, Asked } from './clients.ts'

const read: ContextReader = {
  method: (request: IncomingMessage) => request.method ?? 'GET',
  path: (request: IncomingMessage) => (request.url ?? '/').split('?')[0] ?? '/',
  header: (request: IncomingMessage, name) => request.headers[name.toLowerCase()] as string | undefined,
  decision: () => undefined,
  responseHeader: (response: ServerResponse, name) => String(response.getHeader(name)),
  reply: () => undefined,
}

const unsupported: readonly Feature[] = [
  'framework proxy trust',
  'route pattern',
  'early response head',
  'headers before',
  'HTTP/2',
  'dropped connections',
]

/** An app whose requests are limited by a service that this client asks. */
export function servedBy(ask: Ask): HttpAdapter {
  return {
    read,
    unsupported,
    async serve(spec) {
      const services = new Map<Mount, RunningService>()
      for (const mount of [...spec.use, ...spec.routes.flatMap(({ use = [] }) => use)]) services.set(mount, await serviceOf(mount))
      const releases = new Set<Promise<void>>()
      const release = (end: Asked['end']) => {
        const done = end().finally(() => releases.delete(done))
        releases.add(done)
      }
      const server = createServer((incoming, response) => {
        answer({ spec, release }, incoming, response, (mount) => ask(services.get(mount)?.http?.url ?? '', incoming, mount)).catch(
          (error: unknown) => {
            spec.onError(error)
            response.destroy()
          },
        )
      })
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const close = async () => {
        server.close()
        server.closeAllConnections()
        await Promise.all(releases)
        for (const each of services.values()) await each.close()
      }
      return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close }
    },
  }
}

/** A service with the document, the store and the block list of a mount. */
async function serviceOf({ policies, blockList }: Mount): Promise<RunningService> {
  const namespace = policies as NamespacePolicies
  const { document } = namespace.current.revision
  const { store } = namespace.engine as unknown as { readonly store: Store }
  const source: PolicySource = {
    name: 'the document of a case',
    load: () => Promise.resolve({ documents: [{ key: 'case', text: JSON.stringify(document) }] }),
    watch: (_cursor, _emit, signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve())),
  }
  // The service takes its name in the store.
  await namespace.close()
  const on = namespace.on as never
  return serve({
    http: { port: 0 },
    drain: { delay: 0 },
    metrics: false,
    policies: source,
    store,
    feed: { on },
    trustProxy: ['loopback'],
    ...(blockList === undefined
      ? {}
      : { blockList: { ...blockList, check: blockList.check.bind(blockList), ready: () => Promise.resolve() } as never }),
  })
}

interface App {
  readonly spec: AppSpec
  release(end: Asked['end']): void
}

async function answer(
  { spec, release }: App,
  incoming: IncomingMessage,
  response: ServerResponse,
  ask: (mount: Mount) => Promise<Asked>,
): Promise<void> {
  const route = spec.routes.find((each) => matches(each, incoming))
  for (const mount of [...spec.use, ...(route?.use ?? [])]) {
    const asked = await ask(mount)
    for (const [name, value] of Object.entries(asked.headers)) response.setHeader(name, value)
    if (!asked.isAllowed) return void response.writeHead(asked.status).end(asked.body)
    response.once('close', () => release(asked.end))
  }
  if (route === undefined) return void response.writeHead(404).end('Not Found')
  const { status = 200, headers = {}, json } = await route.answer({ decision: undefined })
  response.writeHead(status, { ...headers, 'content-type': 'application/json' }).end(JSON.stringify(json))
}

function matches({ method = 'GET', path }: Route, incoming: IncomingMessage): boolean {
  return (incoming.method === 'HEAD' ? 'GET' : incoming.method) === method && (incoming.url ?? '/').split('?')[0] === path
}
