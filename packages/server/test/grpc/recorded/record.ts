// Records what real clients send: `node --conditions=source packages/server/test/grpc/recorded/record.ts`. Needs Go, and Envoy:
// `node scripts/gateways.ts`. Writes recorded.json, which ../recorded.test.ts replays.
import { execFile, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { MethodDefinition } from '@grpc/proto-loader'
import { startGateway } from '@sluice/testing/gateways'
import { serve } from '../../../src/index.ts'
import { startApp } from '../../gateways/behind.ts'
import { dataOf, framesOf } from '../frames.ts'
import { buildGoClient } from '../go-client.ts'
import { ask, clientOf, envoyProto } from '../protos.ts'
import { sourceOf } from '../sources.ts'
import { RECORDED_CALLS, RECORDED_DOCUMENT, type RecordedRequest, type Recording } from './recording.ts'

const SERVICE = 'envoy.service.ratelimit.v3.RateLimitService'
/** The prefix of a message: whether it is compressed, and its length. */
const PREFIX = 5

const require = createRequire(import.meta.url)
const definition = envoyProto('envoy/service/ratelimit/v3/rls.proto')
const methods = definition[SERVICE] as unknown as Record<string, MethodDefinition<object, object>>
const method = methods['ShouldRateLimit'] as MethodDefinition<object, object>

/** Makes calls to the service on a port of 127.0.0.1. */
type Client = (port: number) => Promise<unknown>

const go = buildGoClient()
try {
  const grpcJs = (require('@grpc/grpc-js/package.json') as { readonly version: string }).version
  const grpcGo = /grpc (v\S+)/.exec(readFileSync(join(import.meta.dirname, '../go-client/go.mod'), 'utf8'))?.[1] ?? ''
  const recordings = [
    await recorded(`@grpc/grpc-js ${grpcJs}`, byGrpcJs),
    await recorded(`grpc-go ${grpcGo}`, (port) => promisify(execFile)(go.path, [`127.0.0.1:${port}`, 'record'])),
    await recorded('Envoy 1.40.0', byEnvoy),
  ]
  const file = join(import.meta.dirname, 'recorded.json')
  writeFileSync(file, JSON.stringify(recordings, null, 2))
  spawnSync('oxfmt', [file], { stdio: 'inherit' })
} finally {
  go.remove()
}

async function byGrpcJs(port: number): Promise<void> {
  const client = clientOf(definition, SERVICE, `http://127.0.0.1:${port}`)
  for (const { descriptors, hits } of RECORDED_CALLS) {
    const asked = descriptors.map((entries) => ({ entries: entries.map(([key, value]) => ({ key, value })) }))
    await ask(client, 'ShouldRateLimit', { domain: 'shop', descriptors: asked, hits_addend: hits })
  }
  client.close()
}

/** Three requests of a user, and the one by which the test waits for Envoy. */
async function byEnvoy(port: number): Promise<void> {
  const app = await startApp()
  const edit = (text: string) =>
    text
      .replace('domain: default', 'domain: shop')
      .replace('header_name: x-api-key, descriptor_key: x-api-key', 'header_name: x-user, descriptor_key: user')
  const envoy = await startGateway('envoy ratelimit', { ports: { app: app.port, http: 1, grpc: port }, edit })
  try {
    for (let i = 0; i < 3; i++) await (await fetch(`${envoy.url}/orders`, { headers: { 'x-user': 'ada' } })).arrayBuffer()
  } finally {
    await envoy.stop()
    await app.close()
  }
}

/** Runs a client through a proxy that keeps all bytes, against a service that has just started. */
async function recorded(client: string, run: Client): Promise<Recording> {
  const service = await serve({ http: false, grpc: { port: 0 }, drain: { delay: 0 }, policies: sourceOf(RECORDED_DOCUMENT) })
  const { hostname, port } = new URL(service.grpc?.url ?? '')
  const connections: { readonly sent: Buffer[]; readonly answered: Buffer[] }[] = []
  const proxy = createServer((from) => {
    const kept = { sent: [] as Buffer[], answered: [] as Buffer[] }
    connections.push(kept)
    const to = connect(Number(port), hostname)
    from.on('data', (chunk: Buffer) => kept.sent.push(chunk))
    to.on('data', (chunk: Buffer) => kept.answered.push(chunk))
    for (const socket of [from, to]) socket.on('error', () => undefined)
    from.pipe(to).pipe(from)
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  try {
    await run((proxy.address() as AddressInfo).port)
    const [only, ...others] = connections
    if (only === undefined || others.length > 0) throw new Error(`${client}: expected one connection, got ${connections.length}`)
    const messages = dataOf(framesOf(Buffer.concat(only.sent))).filter((data) => data.length > 0)
    return {
      client,
      sent: only.sent.map((chunk) => chunk.toString('base64')),
      requests: messages.map((message) => decoded(message.subarray(PREFIX))),
      codes: dataOf(framesOf(Buffer.concat(only.answered))).map((data) => data[PREFIX + 1] ?? 0),
    }
  } finally {
    await service.close()
    proxy.close()
  }
}

function decoded(message: Buffer): RecordedRequest {
  const { domain, descriptors, hits_addend } = method.requestDeserialize(message) as RecordedRequest
  return { domain, descriptors: descriptors.map(({ entries }) => ({ entries })), hits_addend }
}
