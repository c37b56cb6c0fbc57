// Envoy's rate limit service: ours beside envoyproxy/ratelimit, over the same Redis, with the CPU of each server and of Redis from /proc (Linux).
// Needs Go; builds the load generator and the peer once, into .tools. `node --conditions=source bench/rls.ts [CALLS]` prints one line of JSON for each row.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, redisServerBinary, waitUntil } from '@sluice/testing/redis'

const TOOLS = join(import.meta.dirname, '..', '.tools', 'rls')
const LOAD = join(TOOLS, 'load')
const PEER = join(TOOLS, 'service_cmd')
const PEER_MODULE = 'github.com/envoyproxy/ratelimit/src/service_cmd@v1.4.1-0.20260122083618-3fb702589d36'
const GO = 'go'
const CALLS = Number(process.argv[2] ?? 30_000)
const ROUNDS = 3
/** µs of a tick of /proc. */
const TICK = 10_000

interface Row {
  readonly name: string
  readonly usesRedis: boolean
  start(port: number): ChildProcess
}

interface Load {
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
  readonly failed: number
}

const folder = mkdtempSync(join(tmpdir(), 'sluice-rls-'))
const children: ChildProcess[] = []
try {
  build()
  const redisPort = await freePort()
  const redis = child(await redisServerBinary(), ['--port', String(redisPort), '--save', '', '--bind', '127.0.0.1', '--dir', folder])
  await listens(redisPort)
  for (const row of rowsOf(redisPort, await peerPorts())) {
    const port = await freePort()
    const server = row.start(port)
    await listens(port)
    for (const descriptors of [1, 3]) console.log(JSON.stringify(measured(row, { server, redis, port }, descriptors)))
    server.kill()
    await once(server, 'exit')
  }
} finally {
  for (const each of children) each.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
}

function build(): void {
  mkdirSync(TOOLS, { recursive: true })
  const env = { ...process.env, GOBIN: TOOLS, CGO_ENABLED: '0' }
  if (!existsSync(LOAD)) execFileSync(GO, ['build', '-o', LOAD, '.'], { cwd: join(import.meta.dirname, 'rls-load'), env, stdio: 'inherit' })
  if (!existsSync(PEER)) execFileSync(GO, ['install', PEER_MODULE], { env, stdio: 'inherit' })
}

function rowsOf(redisPort: number, [http, debug]: readonly [http: number, debug: number]): readonly Row[] {
  const ours = (port: number, ...more: string[]) =>
    child(process.execPath, ['--conditions=source', join(import.meta.dirname, 'rls-server.ts'), String(port), ...more])
  const peer = (port: number, threads: string) => {
    mkdirSync(join(folder, 'config'), { recursive: true })
    const limit = { unit: 'minute', requests_per_unit: 1_000_000 }
    const descriptors = ['user', 'tenant', 'route'].map((key) => ({ key, rate_limit: limit }))
    // JSON is YAML.
    writeFileSync(join(folder, 'config', 'bench.yaml'), JSON.stringify({ domain: 'bench', descriptors }))
    return child(PEER, [], {
      GOMAXPROCS: threads,
      // Without it, each call is logged.
      DISABLE_STATS: 'true',
      USE_STATSD: 'false',
      LOG_LEVEL: 'error',
      REDIS_SOCKET_TYPE: 'tcp',
      REDIS_URL: `127.0.0.1:${redisPort}`,
      RUNTIME_ROOT: folder,
      RUNTIME_SUBDIRECTORY: '',
      RUNTIME_WATCH_ROOT: 'false',
      RUNTIME_IGNOREDOTFILES: 'true',
      HOST: '127.0.0.1',
      PORT: String(http),
      GRPC_HOST: '127.0.0.1',
      GRPC_PORT: String(port),
      DEBUG_HOST: '127.0.0.1',
      DEBUG_PORT: String(debug),
    })
  }
  return [
    { name: 'sluice, memory', usesRedis: false, start: (port) => ours(port) },
    { name: 'sluice, Redis', usesRedis: true, start: (port) => ours(port, String(redisPort)) },
    { name: 'envoyproxy/ratelimit, Redis, GOMAXPROCS=1', usesRedis: true, start: (port) => peer(port, '1') },
    { name: 'envoyproxy/ratelimit, Redis, GOMAXPROCS=2', usesRedis: true, start: (port) => peer(port, '2') },
  ]
}

/** The round with the middle CPU time. */
function measured({ name, usesRedis }: Row, at: { server: ChildProcess; redis: ChildProcess; port: number }, descriptors: number): object {
  const load = (calls: number): Load =>
    JSON.parse(
      execFileSync(LOAD, ['-address', `127.0.0.1:${at.port}`, '-calls', String(calls), '-descriptors', String(descriptors)], {
        encoding: 'utf8',
      }),
    )
  load(CALLS / 2)
  const rounds = Array.from({ length: ROUNDS }, () => {
    const before = [cpuOf(at.server), cpuOf(at.redis)] as const
    const result = load(CALLS)
    return { ...result, server: (cpuOf(at.server) - before[0]) / CALLS, redis: (cpuOf(at.redis) - before[1]) / CALLS }
  })
  const middle = rounds.toSorted((a, b) => a.server - b.server)[Math.floor(ROUNDS / 2)] as (typeof rounds)[number]
  const { server, redis, ...others } = middle
  return { name, descriptors, serverMicros: server, redisMicros: usesRedis ? redis : 0, perCore: Math.round(1e6 / server), ...others }
}

/** µs of processor time that a process has taken. */
function cpuOf({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * TICK
}

function child(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
  const started = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'inherit'] })
  children.push(started)
  return started
}

async function peerPorts(): Promise<readonly [number, number]> {
  return [await freePort(), await freePort()]
}

async function listens(port: number): Promise<void> {
  await waitUntil(`port ${port} to listen`, async () => {
    const socket = connect(port, '127.0.0.1')
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
