/// <reference types="node" />
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder } from '../processes/supervised-process.ts'
import { SupervisedServer } from '../processes/supervised-server.ts'
import { freePort, HOST } from '../redis/ports.ts'
import { rlsProgram } from './programs.ts'

/** envoyproxy/ratelimit. */
export interface EnvoyRateLimit {
  /** `host:port` of its gRPC. */
  readonly address: string
  readonly pid: number | undefined
  stop(): Promise<void>
  logs(): string
}

class EnvoyRateLimitServer extends SupervisedServer implements EnvoyRateLimit {
  readonly address: string
  private readonly ports: readonly number[]

  constructor(folder: string, ports: readonly number[]) {
    super(folder, 'ratelimit.log')
    this.ports = ports
    this.address = `${HOST}:${ports[0]}`
  }

  async start(redisPort: number, threads: number | undefined): Promise<this> {
    const [grpc, http, debug] = this.ports
    const variables = {
      ...(threads !== undefined && { GOMAXPROCS: threads }),
      // Without it, each call is logged.
      DISABLE_STATS: 'true',
      USE_STATSD: 'false',
      LOG_LEVEL: 'error',
      // Without it, a server whose configuration is wrong is healthy.
      HEALTHY_WITH_AT_LEAST_ONE_CONFIG_LOADED: 'true',
      REDIS_SOCKET_TYPE: 'tcp',
      REDIS_URL: `${HOST}:${redisPort}`,
      RUNTIME_ROOT: this.folder,
      RUNTIME_SUBDIRECTORY: '',
      RUNTIME_WATCH_ROOT: 'false',
      RUNTIME_IGNOREDOTFILES: 'true',
      HOST,
      PORT: http,
      GRPC_HOST: HOST,
      GRPC_PORT: grpc,
      DEBUG_HOST: HOST,
      DEBUG_PORT: debug,
    }
    const words = Object.entries(variables).map(([name, value]) => `${name}=${value}`)
    await this.run('envoyproxy/ratelimit', ['env', ...words, rlsProgram('ratelimit')], async () => {
      return (await fetch(`http://${HOST}:${http}/healthcheck`)).ok
    })
    return this
  }
}

export interface StartEnvoyRateLimit {
  /** GOMAXPROCS. Default: as many as there are processors. */
  readonly threads?: number | undefined
}

/** Starts envoyproxy/ratelimit on a Redis, with a file of configuration for each text. */
export async function startEnvoyRateLimit(
  redisPort: number,
  configurations: readonly string[],
  { threads }: StartEnvoyRateLimit = {},
): Promise<EnvoyRateLimit> {
  const folder = await makeFolder()
  mkdirSync(join(folder, 'config'))
  for (const [i, text] of configurations.entries()) writeFileSync(join(folder, 'config', `${i}.yaml`), text)
  return new EnvoyRateLimitServer(folder, [await freePort(), await freePort(), await freePort()]).start(redisPort, threads)
}
