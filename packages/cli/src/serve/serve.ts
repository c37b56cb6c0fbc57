import { existsSync } from 'node:fs'
import type { Command, CommandOption, Invocation } from '../command.ts'
import { failed, usageError } from '../terminal/terminal.ts'
import { numberOption } from '../numbers.ts'
import { serviceLines } from './service-lines.ts'

const PLACES = 'a path, redis://HOST/0?key=…, etcd://HOST:2379/PREFIX/, kafka://HOST:9092/TOPIC or https://…'
const LISTEN = 'a port of loopback, HOST:PORT, unix:PATH or off'

/** These are flags of the service itself. A test holds them to its list. */
const FLAGS: readonly CommandOption[] = [
  {
    name: 'config',
    value: 'FILE',
    means:
      'All settings, in YAML. Variables such as SLUICE_HTTP_LISTEN replace what it says, and flags replace both. Default: SLUICE_CONFIG.',
  },
  { name: 'policies', value: 'PLACE', means: `The policy documents: ${PLACES}. Default: 100 requests a minute.` },
  {
    name: 'redis',
    value: 'URL',
    means: 'Where requests are counted, as in redis://HOST:6379/0; rediss uses TLS. Default: REDIS_URL, else the memory of this process.',
  },
  { name: 'http', value: 'LISTEN', means: `Where HTTP is served: ${LISTEN}. Default: 8080.` },
  { name: 'grpc', value: 'LISTEN', means: `Where gRPC is served: ${LISTEN}. Default: 8081.` },
  { name: 'workers', value: 'NUMBER', means: 'How many processes serve the same ports. More than one needs Redis. Default: 1.' },
  { name: 'insecure', means: 'Listen beyond this machine without TLS, where the network is trusted.' },
  { name: 'print-config', means: 'Write all settings that are not defaults, without secrets, and end.' },
]

export const serveCommand: Command = {
  name: 'serve',
  summary: 'answer checks over HTTP and gRPC, for programs in every language',
  synopsis: '[--config FILE] [--policies PLACE] [--redis URL] [--port NUMBER]',
  operands: [0, 0],
  description: [
    'Starts the check service, and prints the lines to try. Without --policies, each set of attributes has 100 requests a minute. Without --redis, requests are counted in the memory of this process.',
    'A document is followed while the service runs: a change holds without a restart. What is not valid is reported, and the last valid document stays in force.',
    'At a terminal, the console is open with a token that is made for this start.',
    'SIGTERM and Ctrl-C end the service: it takes no new connections, answers what is under way, and ends with status 0. A second signal ends it at once. SIGHUP reads certificates again.',
  ],
  options: [
    ...FLAGS,
    { name: 'host', value: 'ADDRESS', means: 'The address to listen on, in place of --http and --grpc. Default: 127.0.0.1.' },
    { name: 'port', value: 'NUMBER', means: 'The port of HTTP: 0 to 65535, where 0 takes a free one. Default: 8080.' },
    { name: 'grpc-port', value: 'NUMBER', means: 'The port of gRPC. Default: 8081, or a free one with --port 0.' },
  ],
  exits: ['The service was ended by a signal.', 'Not used.'],
  examples: [
    ['sluice serve', 'Try it: 100 requests a minute for each user_id.'],
    ['sluice serve --policies sluice.yaml --redis redis://localhost:6379', 'Serve a document, with counts that all processes share.'],
    ['sluice serve --config server.yaml --workers 4 --redis redis://localhost:6379', 'Four processes on one port.'],
  ],
  async run(invocation) {
    const { io, isJson } = invocation
    const flags = flagsOf(invocation)
    // Loaded here, since no other command needs the service.
    const { runServer } = await import('@sluice/server')
    const greet: Parameters<typeof runServer>[0]['greet'] = (at, config) =>
      isJson
        ? `${JSON.stringify({ http: at.http?.url ?? null, grpc: at.grpc?.url ?? null })}\n`
        : `${serviceLines(at, config, invocation)}\n`
    try {
      return await runServer({ flags, env: io.env, out: io.out, err: io.err, greet })
    } catch (error) {
      throw explained(error, flags)
    }
  },
}

type Flags = Readonly<Record<string, string | true>>

/** What the service takes, of the command line and of REDIS_URL. @throws ERR_COMMAND_INVALID, ERR_COMMAND_FAILED */
function flagsOf(invocation: Invocation): Flags {
  const { option, has, io } = invocation
  const given = FLAGS.filter(({ name }) => has(name)).map(({ name }) => [name, option(name) ?? true] as const)
  const flags: Record<string, string | true> = Object.fromEntries(given)
  const { REDIS_URL: redis = '', SLUICE_REDIS_URL: ofService = '' } = io.env
  if (flags['redis'] === undefined && redis !== '' && ofService === '') flags['redis'] = redis
  const policies = option('policies')
  // The feed would wait for a file that is not there yet. A person reads the reason now.
  if (policies !== undefined && !/^[a-z]{2,}:/.test(policies) && !existsSync(policies))
    throw failed(`${policies} cannot be read: there is no such file`)
  const [host, port, grpcPort] = [
    option('host'),
    numberOption('serve', invocation, 'port', PORTS),
    numberOption('serve', invocation, 'grpc-port', PORTS),
  ]
  const places = { http: [port, 8080], grpc: [grpcPort, port === 0 ? 0 : 8081] } as const
  for (const [name, [given, byDefault]] of Object.entries(places)) {
    if (host === undefined && given === undefined) continue
    if (has(name))
      throw usageError(`sluice serve: --${name} has host and port; remove --host and --${name === 'http' ? 'port' : 'grpc-port'}`)
    flags[name] = `${host === undefined ? '' : `${host.includes(':') ? `[${host}]` : host}:`}${given ?? byDefault}`
  }
  return flags
}

const PORTS = [0, 65_535] as const

/** An error of the system, in words. */
function explained(error: unknown, { grpc }: Flags): unknown {
  const { code, address, port } = error as { readonly code?: string; readonly address?: string; readonly port?: number }
  const option = String(grpc ?? 8081).endsWith(String(port)) ? 'grpc-port' : 'port'
  if (code === 'EADDRINUSE' && port !== undefined)
    return failed(`port ${port} of ${address} is taken; choose another:  --${option} ${port + 1}`, error)
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL')
    return failed(`${address}:${port} cannot be listened on (${code}); choose another --host or --port`, error)
  return error
}
