// Records what real clients send: `node --conditions=source packages/server/test/grpc/recorded/record.ts`. Needs Go. Writes recorded.json, which
// ../recorded.test.ts replays.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { serve } from '../../../src/index.ts'
import { buildGoClient } from '../go-client.ts'
import { ask, clientOf, envoyProto } from '../protos.ts'
import { sourceOf } from '../sources.ts'
import { RECORDED_CALLS, RECORDED_DOCUMENT, type Recording } from './recording.ts'

const require = createRequire(import.meta.url)

/** Calls the service at `host:port`, and returns the overall codes. */
type Client = (address: string) => Promise<readonly number[]>

const go = buildGoClient()
try {
  const grpcJs = (require('@grpc/grpc-js/package.json') as { readonly version: string }).version
  const grpcGo = /grpc (v\S+)/.exec(readFileSync(join(import.meta.dirname, '../go-client/go.mod'), 'utf8'))?.[1] ?? ''
  const recordings = [await recorded(`@grpc/grpc-js ${grpcJs}`, byGrpcJs), await recorded(`grpc-go ${grpcGo}`, byGrpcGo)]
  writeFileSync(join(import.meta.dirname, 'recorded.json'), `${JSON.stringify(recordings, null, 2)}\n`)
} finally {
  go.remove()
}

async function byGrpcJs(address: string): Promise<readonly number[]> {
  const definition = envoyProto('envoy/service/ratelimit/v3/rls.proto')
  const client = clientOf(definition, 'envoy.service.ratelimit.v3.RateLimitService', `http://${address}`)
  const codes: number[] = []
  for (const { descriptors, hits } of RECORDED_CALLS) {
    const asked = descriptors.map((entries) => ({ entries: entries.map(([key, value]) => ({ key, value })) }))
    const request = { domain: 'shop', descriptors: asked, hits_addend: hits }
    codes.push((await ask<{ readonly overall_code: string }>(client, 'ShouldRateLimit', request)).overall_code === 'OK' ? 1 : 2)
  }
  client.close()
  return codes
}

async function byGrpcGo(address: string): Promise<readonly number[]> {
  return JSON.parse((await promisify(execFile)(go.path, [address, 'record'])).stdout) as readonly number[]
}

/** Runs a client through a proxy that keeps its bytes, against a service that has just started. */
async function recorded(client: string, run: Client): Promise<Recording> {
  const service = await serve({ http: false, grpc: { port: 0 }, drain: { delay: 0 }, policies: sourceOf(RECORDED_DOCUMENT) })
  const { hostname, port } = new URL(service.grpc?.url ?? '')
  const connections: Buffer[][] = []
  const proxy = createServer((from) => {
    const sent: Buffer[] = []
    connections.push(sent)
    const to = connect(Number(port), hostname)
    from.on('data', (chunk: Buffer) => sent.push(chunk))
    for (const socket of [from, to]) socket.on('error', () => undefined)
    from.pipe(to).pipe(from)
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  try {
    const codes = await run(`127.0.0.1:${(proxy.address() as AddressInfo).port}`)
    if (connections.length !== 1) throw new Error(`${client}: expected one connection, got ${connections.length}`)
    return { client, sent: (connections[0] ?? []).map((chunk) => chunk.toString('base64')), codes }
  } finally {
    await service.close()
    proxy.close()
  }
}
