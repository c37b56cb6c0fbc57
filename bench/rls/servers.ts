// The servers that the group `rls` measures, each as a process of its own, with a Redis of its own where it has one.
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { freePort, type RedisServer, startRedis, waitUntil } from '@sluice/testing/redis'
import { type EnvoyRateLimit, rlsProgram, startEnvoyRateLimit } from '@sluice/testing/rls'

/** µs of a tick of /proc. */
const TICK = 10_000
const HOST = '127.0.0.1'

/** A server that runs. */
export interface BenchServer {
  /** `host:port` of gRPC, and of HTTP where it is measured. */
  readonly grpc: string
  readonly http?: string
  /** µs of processor time that it has used so far. */
  cpu(): number
  /** µs that its Redis has used; 0 without one. */
  redisCpu(): Promise<number>
  stop(): Promise<void>
}

/** The service of Sluice. @param kind as in groups/rls-process.ts */
export async function startSluice(kind: 'memory' | 'redis' | 'layers'): Promise<BenchServer> {
  const redis = kind === 'memory' ? undefined : await startRedis()
  const [grpc, http] = [await freePort(), await freePort()]
  const file = join(import.meta.dirname, '../groups/rls-process.ts')
  const words = ['--conditions=source', file, String(grpc), String(http), kind, ...(redis === undefined ? [] : [String(redis.port)])]
  const child = started(process.execPath, words)
  await listens(grpc, child)
  return server(child.pid, { grpc, http, redis, stop: () => ended(child) })
}

/** envoyproxy/ratelimit with a limit for each of three keys. @param threads GOMAXPROCS */
export async function startPeer(threads: number): Promise<BenchServer> {
  const redis = await startRedis()
  const limit = { unit: 'hour', requests_per_unit: 1_000_000_000 }
  const descriptors = ['user', 'tenant', 'route'].map((key) => ({ key, rate_limit: limit }))
  // JSON is YAML.
  const peer: EnvoyRateLimit = await startEnvoyRateLimit(redis.port, [JSON.stringify({ domain: 'bench', descriptors })], { threads })
  return server(peer.pid, { grpc: Number(peer.address.split(':')[1]), redis, stop: () => peer.stop() })
}

/** gubernator, one node: it counts in its own memory. */
export async function startGubernator(threads: number): Promise<BenchServer> {
  const [grpc, http, gossip] = [await freePort(), await freePort(), await freePort()]
  const child = started(rlsProgram('gubernator'), [], {
    GOMAXPROCS: String(threads),
    GUBER_GRPC_ADDRESS: `${HOST}:${grpc}`,
    GUBER_ADVERTISE_ADDRESS: `${HOST}:${grpc}`,
    GUBER_HTTP_ADDRESS: `${HOST}:${http}`,
    GUBER_PEER_DISCOVERY_TYPE: 'member-list',
    GUBER_MEMBERLIST_ADDRESS: `${HOST}:${gossip}`,
    GUBER_MEMBERLIST_BIND_ADDRESS: `${HOST}:${gossip}`,
    GUBER_MEMBERLIST_ADVERTISE_ADDRESS: `${HOST}:${gossip}`,
    GUBER_MEMBERLIST_KNOWN_NODES: `${HOST}:${gossip}`,
    GUBER_LOG_LEVEL: 'error',
    OTEL_TRACES_EXPORTER: 'none',
  })
  await listens(grpc, child)
  // Alone on a machine it does not call itself healthy, and decides.
  const body = JSON.stringify({ requests: [{ name: 'ready', uniqueKey: 'a', hits: 1, limit: 9, duration: 60_000 }] })
  await waitUntil('gubernator to decide', async () => {
    const answer = await fetch(`http://${HOST}:${http}/v1/GetRateLimits`, { method: 'POST', body })
    return (await answer.text()).includes('"error":""')
  })
  return server(child.pid, { grpc, stop: () => ended(child) })
}

/** throttlecrab: it counts in its own memory. */
export async function startThrottlecrab(): Promise<BenchServer> {
  const grpc = await freePort()
  const child = started(rlsProgram('throttlecrab'), ['--grpc', '--grpc-host', HOST, '--grpc-port', String(grpc), '--log-level', 'error'])
  await listens(grpc, child)
  return server(child.pid, { grpc, stop: () => ended(child) })
}

interface Parts {
  readonly grpc: number
  readonly http?: number
  readonly redis?: RedisServer | undefined
  readonly stop: () => Promise<void>
}

function server(pid: number | undefined, { grpc, http, redis, stop }: Parts): BenchServer {
  const client = redis?.client()
  return {
    grpc: `${HOST}:${grpc}`,
    ...(http !== undefined && { http: `${HOST}:${http}` }),
    cpu: () => cpuOf(pid ?? 0),
    async redisCpu() {
      const info = (await client?.info('cpu')) ?? ''
      const secondsOf = (field: string): number => Number(new RegExp(String.raw`^${field}:([\d.]+)`, 'm').exec(info)?.[1] ?? 0)
      return 1e6 * (secondsOf('used_cpu_user') + secondsOf('used_cpu_sys'))
    },
    async stop() {
      await stop()
      await redis?.stop()
    },
  }
}

function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * TICK
}

function started(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'inherit'] })
  // Not left behind where this process ends by an error.
  const kill = () => void child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('exit', () => process.off('exit', kill))
  return child
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

async function listens(port: number, child: ChildProcess): Promise<void> {
  await waitUntil(`port ${port} to listen`, async () => {
    if (child.exitCode !== null) throw new Error(`a server ended with ${child.exitCode}`)
    const socket = connect(port, HOST)
    try {
      await once(socket, 'connect')
      return true
    } catch {
      return false
    } finally {
      socket.destroy()
    }
  })
}
