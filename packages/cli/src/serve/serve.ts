import { fileSource } from '@sluice/policies'
import type { RunningService, ServeOptions } from '@sluice/server'
import type { Command, Invocation } from '../command.ts'
import { readDocument } from '../files.ts'
import { hasRedis, redisOf } from '../redis/redis-option.ts'
import { failed, plain, usageError } from '../terminal/terminal.ts'
import { numberOption } from '../numbers.ts'
import { serviceLines } from './service-lines.ts'
import { signalled } from './signals.ts'

/** ms after which Redis is no longer waited for: Envoy gives up after 20. */
const DEADLINE = 10

export const serveCommand: Command = {
  name: 'serve',
  summary: 'answer checks over HTTP and gRPC, for programs in every language',
  synopsis: '[--policies FILE] [--redis URL] [--port NUMBER]',
  operands: [0, 0],
  description: [
    'Starts the check service, and prints the lines to try. Without --policies, each set of attributes has 100 requests a minute. Without --redis, requests are counted in the memory of this process.',
    'A document is followed while the service runs: a change holds without a restart. What is not valid is reported, and the last valid document stays in force.',
    'SIGTERM and Ctrl-C end the service: it takes no new connections, answers what is under way, and ends with status 0. A second signal ends it at once.',
  ],
  options: [
    { name: 'policies', value: 'FILE', means: 'The policy document. Default: 100 requests a minute.' },
    {
      name: 'redis',
      value: 'URL',
      means: 'Where requests are counted, as in redis://HOST:6379/0; rediss uses TLS. Default: REDIS_URL, else the memory of this process.',
    },
    { name: 'host', value: 'ADDRESS', means: 'The address to listen on. Default: 127.0.0.1.' },
    { name: 'port', value: 'NUMBER', means: 'The port of HTTP: 0 to 65535, where 0 takes a free one. Default: 8080.' },
    { name: 'grpc-port', value: 'NUMBER', means: 'The port of gRPC. Default: 8081, or a free one with --port 0.' },
  ],
  exits: ['The service was ended by a signal.', 'Not used.'],
  examples: [
    ['sluice serve', 'Try it: 100 requests a minute for each user_id.'],
    ['sluice serve --policies sluice.yaml --redis redis://localhost:6379', 'Serve a document, with counts that all processes share.'],
  ],
  async run(invocation) {
    const end = signalled()
    const options = await optionsOf(invocation)
    try {
      const service = await started(options)
      invocation.print(
        invocation.isJson
          ? JSON.stringify({ http: service.http?.url ?? null, grpc: service.grpc?.url ?? null })
          : serviceLines(service, invocation),
      )
      await end
      await service.close()
    } finally {
      await options.store?.close?.()
    }
    return 0
  },
}

/** @throws ERR_COMMAND_FAILED, and the errors of `serve` */
async function started(options: ServeOptions): Promise<RunningService> {
  // Loaded here, since no other command needs the service.
  const { serve } = await import('@sluice/server')
  try {
    return await serve(options)
  } catch (error) {
    const { code, address, port } = error as { readonly code?: string; readonly address?: string; readonly port?: number }
    if (code === 'EADDRINUSE')
      throw failed(`port ${port} of ${address} is taken; choose another:  --${optionOf(port, options)} ${Number(port) + 1}`, error)
    if (code === 'EACCES' || code === 'EADDRNOTAVAIL')
      throw failed(`${address}:${port} cannot be listened on (${code}); choose another --host or --port`, error)
    throw error
  }
}

function optionOf(port: number | undefined, { grpc }: ServeOptions): string {
  return typeof grpc === 'object' && port === (grpc.port ?? 8081) ? 'grpc-port' : 'port'
}

/** @throws ERR_COMMAND_INVALID, ERR_COMMAND_FAILED, ERR_POLICY_INVALID */
async function optionsOf(invocation: Invocation): Promise<ServeOptions> {
  const { option } = invocation
  const policies = option('policies')
  const http = { host: option('host'), port: numberOption('serve', invocation, 'port', [0, 65_535]) }
  const grpcPort = numberOption('serve', invocation, 'grpc-port', [0, 65_535])
  return {
    http,
    grpc: grpcPort === undefined ? { host: http.host } : { host: http.host, port: grpcPort },
    policies: policies === undefined ? undefined : await sourceOf(policies, invocation),
    store: hasRedis(invocation) ? await storeOf(invocation) : undefined,
  }
}

async function sourceOf(policies: string, invocation: Invocation): Promise<ServeOptions['policies']> {
  const path = policies.replace(/^file:/, '')
  if (/^\w+:/.test(path)) throw usageError(`sluice serve: --policies: expected a file, got ${plain(path.replace(/\/\/.*@/, '//…@'))}`)
  // The feed would wait for a file that is not there yet. A person reads the reason now.
  await readDocument(path, invocation)
  return fileSource(path)
}

async function storeOf(invocation: Invocation): Promise<ServeOptions['store']> {
  const { redisStore } = await import('@sluice/redis')
  const { lasting } = await redisOf('serve', invocation)
  return redisStore(lasting, { failover: { deadline: DEADLINE } })
}
