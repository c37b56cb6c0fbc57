import {
  described,
  DURATION,
  instant,
  like,
  listOf,
  NAMESPACE,
  object,
  opt,
  type Schema,
  text,
  titled,
  whole,
} from '@sluice/policies/schema-kit'
import * as v from 'valibot'
import type { ServerConfig } from './config.ts'

// The one definition of the configuration. A test writes it as JSON Schema, and `scripts/server-reference.ts` as the table of docs/server.md; the
// descriptions here are their text. Rules between settings are in rules.ts: a JSON Schema cannot say them.

const duration = like(DURATION)
const path = text(4_096)
const hosts = listOf(like([/^(?:[^\s:,]+|\[[\dA-Fa-f:]+\])(?::\d{1,5})?$/, 'HOST:PORT']), 1, 100)
const place = like([
  /^(?:off|unix:\S+|(?:(?:[^\s:[\]]+|\[[\dA-Fa-f:]+\]):)?\d{1,5})$/,
  "[HOST:]PORT such as '8080' or '[::1]:8080', unix:PATH, or off",
])

/** YAML reads a port alone as a number. */
const listen = v.union([whole(0, 65_535), place])

/** A setting with its description, which ends in its default. */
const set = <S extends v.GenericSchema>(schema: S, words: string): v.OptionalSchema<S, undefined> => opt(described(schema, words))

const tls = titled(
  'Tls',
  object({
    cert: described(path, 'A PEM file: the certificate, with those between it and the root. It is read again when it changes.'),
    key: described(path, 'A PEM file: its private key, without a passphrase.'),
    clientCa: set(path, 'A PEM file: certificates that sign those of clients. Any other client is refused. Default: none is asked for.'),
    minVersion: set(v.picklist(['TLSv1.2', 'TLSv1.3']), 'The oldest version of TLS. Default: TLSv1.2.'),
  }),
)

const http = object({
  listen: set(listen, 'Where HTTP is served: a port of loopback, HOST:PORT, unix:PATH, or off. Default: 8080.'),
  socketMode: set(like([/^0?[0-7]{3}$/, "permissions such as '0660'"]), 'The permissions of a UNIX socket. Default: those of the umask.'),
  tls: set(tls, 'Certificates. Default: none, so that only loopback and UNIX sockets are served.'),
  maxBody: set(whole(1_024, 16_777_216), 'Bytes of a body. A larger one gets 413. Default: 65536.'),
  maxHeaders: set(whole(1_024, 1_048_576), 'Bytes of all headers of a request. More get 431. Default: 16384.'),
  maxConnections: set(whole(1, 1_000_000), 'Connections of one process. One more is closed at once. Default: 10000.'),
  headersTimeout: set(duration, 'How long the headers of a request may take to arrive. Then the client gets 408. Default: 5s.'),
  requestTimeout: set(duration, 'How long a whole request may take to arrive. Then the client gets 408. Default: 10s.'),
  answerTimeout: set(duration, 'How long an answer may take. Then the client gets 503. Default: 30s.'),
  keepAlive: set(duration, 'How long a connection without a request stays open. Longer than a proxy in front keeps it. Default: 75s.'),
})

const grpc = object({
  listen: set(listen, 'Where gRPC is served, as http.listen. Default: 8081.'),
  socketMode: set(like([/^0?[0-7]{3}$/, "permissions such as '0660'"]), 'The permissions of a UNIX socket. Default: those of the umask.'),
  tls: set(tls, 'Certificates. Default: none, so that only loopback and UNIX sockets are served.'),
  maxConnectionAge: set(duration, 'How long a connection lasts, before its client opens another one. Default: 5m.'),
  headers: set(v.picklist(['refused', 'all', 'none']), 'Which answers of ShouldRateLimit have headers for the client. Default: refused.'),
  limitOverrides: set(listOf(like(NAMESPACE), 1, 10_000), 'Namespaces whose descriptors may have a limit of their own. Default: none.'),
})

const redis = object({
  url: set(
    text(2_048),
    'The server, as redis://user:password@host:6379/0; rediss uses TLS. Default: none, so that requests are counted in memory.',
  ),
  cluster: set(hosts, 'Some nodes of a Redis Cluster, in place of url. Default: none.'),
  sentinels: set(hosts, 'The Sentinels, in place of url. Needs primary. Default: none.'),
  primary: set(text(), 'The name of the primary at the Sentinels. Default: none.'),
  username: set(text(), 'The user at a cluster or a primary. Default: none.'),
  password: set(text(1_024), 'The password at a cluster or a primary. Default: none.'),
  ca: set(path, 'A PEM file: the authority that signs the certificates of Redis. With it, TLS is used. Default: those of the system.'),
  prefix: set(like([/^[\w.:-]{1,64}$/, '1 to 64 letters, digits, _ . : or -']), 'The beginning of every key. Default: sluice.'),
  partitions: set(whole(1, 1_024), 'Over how many hash tags subjects are spread. Fixed for the life of the data. Default: 16.'),
  deadline: set(duration, 'How long a decision waits for Redis, before this process decides. Envoy gives up after 20 ms. Default: 10ms.'),
  instances: set(whole(1, 1_000_000), 'How many processes share the limits, until Redis says it. Default: 1.'),
  leases: set(v.boolean(), 'Takes units of hot subjects in advance, and spends them without asking Redis. Default: false.'),
  denyCache: set(v.boolean(), 'Refuses a subject again without asking Redis, for up to 1 s. Default: true.'),
})

const regionName = like([/^[\w.-]{1,64}$/, 'letters, digits, dots and hyphens, at most 64'])

const regions = object({
  self: set(regionName, 'The name of this region. Default: none, so that limits are not shared between regions.'),
  all: set(
    listOf(regionName, 2, 64),
    'The names of all regions, in the same order everywhere. New ones are added at the end. Default: none.',
  ),
  others: set(listOf(text(2_048), 1, 63), 'The Redis of each other region, as NAME=URL. Their messages are read there. Default: none.'),
  mode: set(
    v.picklist(['eventual', 'strict', 'local']),
    'What the regions promise together: the limit and what is on its way, never more than the limit, or the limit in each. Default: eventual.',
  ),
  strict: set(listOf(like(NAMESPACE), 1, 10_000), 'Namespaces in mode strict. Default: none.'),
  local: set(listOf(like(NAMESPACE), 1, 10_000), 'Namespaces in mode local. Default: none.'),
  interval: set(duration, 'How often changes are published. Default: 1s.'),
  silence: set(duration, 'After how long without a message a region counts as silent. Default: 10s.'),
  whenSilent: set(v.picklist(['whole', 'share']), 'What this region may admit then: the whole limit, or its share. Default: whole.'),
})

const policies = object({
  from: set(
    text(2_048),
    'Where the documents are: a path, redis://host/0?key=…, etcd://host:2379/prefix/, kafka://host:9092/topic, or https://…. Default: 100 requests a minute for each set of attributes.',
  ),
  token: set(text(4_096), 'Sent to an https source, as a bearer token. Default: none.'),
  namespaces: set(listOf(like(NAMESPACE), 1, 10_000), 'Which namespaces are followed. Default: all.'),
  cache: set(path, 'A folder for the last good documents: a start while the source is away uses them. Default: none.'),
  onMissing: set(
    v.picklist(['open', 'closed']),
    'What holds for one of namespaces that has no document: no limit, or 503. Default: the start fails.',
  ),
  ceilings: set(text(2_048), 'Where the ceilings of the documents are, as from. Default: none.'),
  startTimeout: set(duration, 'How long the start waits for the source. Default: 2s.'),
  interval: set(duration, 'How often a file or an https source is read, if nothing was noticed before. Default: 5s.'),
})

const blocks = object({
  mode: set(
    v.picklist(['enforce', 'shadow', 'off']),
    'enforce blocks who goes on in spite of refusals, shadow only reports it. Default: off.',
  ),
  action: set(v.picklist(['refuse', 'drop']), 'refuse answers with 403, drop closes the connection where it can. Default: refuse.'),
  window: set(duration, 'The time in which strikes count. Default: 60s.'),
  strikes: set(whole(2, 1_000_000), 'Refusals before the last Retry-After had passed. Default: 100.'),
  endpoints: set(whole(1, 200), 'Distinct endpoints that refused. Default: 5.'),
  first: set(duration, 'The first block. Each further one lasts twice as long. Default: 60s.'),
  longest: set(duration, 'The longest block. Default: 24h.'),
  allow: set(listOf(text(1_024), 1, 1_000), 'Addresses, CIDRs and subjects that are never blocked. Default: none.'),
})

const analytics = object({
  enabled: set(v.boolean(), 'Counts usage and top violators in Redis. Needs secret, or subjects: plain. Default: false.'),
  interval: set(duration, 'How often counts are sent. Default: 10s.'),
  keep: set(duration, 'How long counts are kept. Default: 48h.'),
})

const events = object({
  sink: set(text(2_048), 'Where events of decisions go: https://…, kafka://host:9092, file:PATH, or stdout. Default: none.'),
  sample: set(v.pipe(v.number(), v.minValue(0), v.maxValue(1)), 'The share of admitted requests that become events. Default: 0.01.'),
  refusals: set(whole(0, 100_000), 'Refusals a second that all become events. Default: 1000.'),
})

const scopes = described(
  listOf(text(128), 1, 1_000),
  'What it may do and where: read, policies, subjects, blocks, write or admin, a colon, and a namespace or *.',
)
const token = titled(
  'AdminToken',
  object({
    name: described(text(64), 'Names its owner in the audit log.'),
    sha256: described(
      like([/^[\dA-Fa-f]{64}$/, 'the SHA-256 of the token as 64 hexadecimal digits']),
      'The SHA-256 of the token, in hexadecimal.',
    ),
    scopes,
    expires: set(instant, 'Until when it holds. Default: for ever.'),
  }),
)
const certificate = titled(
  'AdminCertificate',
  object({
    name: described(text(64), 'Names its owner in the audit log.'),
    subject: described(text(1_024), 'CN=… of a client certificate, or a name of its subjectAltName: URI:…, DNS:….'),
    scopes,
  }),
)

const admin = object({
  enabled: set(
    v.boolean(),
    'Serves the admin API, which the console needs. Without tokens, one is made at the start and printed, where only loopback is served. Default: with tokens or certificates, and at a terminal.',
  ),
  tokens: set(listOf(token, 1, 1_000), 'Who may use the admin API. Default: none.'),
  certificates: set(listOf(certificate, 1, 1_000), 'Which client certificates may, with http.tls.clientCa. Default: none.'),
  publishTo: set(
    text(2_048),
    'Where documents are published to: file:PATH, redis://…, etcd://… or https://…. Default: policies.from, where it is a path, redis or etcd.',
  ),
})

const decisions = object({
  secret: set(
    v.pipe(v.string(), v.minLength(32), v.maxLength(1_024)),
    'Seals decisions of POST /v1/check, so that any process settles them. Default: made from secret, else random.',
  ),
  previousSecret: set(
    v.pipe(v.string(), v.minLength(32), v.maxLength(1_024)),
    'The one before: what it sealed can still be settled. Default: none.',
  ),
  lifetime: set(duration, 'For how long a decision can be settled. Default: 10m.'),
})

const drain = object({
  delay: set(duration, 'How long the service goes on after it has said that it is not ready. Default: 500ms.'),
  timeout: set(duration, 'How long requests in flight may take after that. Default: 25s.'),
})

export const configSchema: Schema<ServerConfig> = object({
  http: set(http, 'HTTP.'),
  grpc: set(grpc, 'gRPC.'),
  redis: set(redis, 'Where requests are counted, for several processes.'),
  regions: set(regions, 'Limits that several regions share, each with a Redis of its own.'),
  policies: set(policies, 'The documents that decide.'),
  blocks: set(blocks, 'Who goes on in spite of refusals.'),
  analytics: set(analytics, 'Usage and top violators.'),
  events: set(events, 'Events of decisions.'),
  admin: set(admin, 'The admin API.'),
  decisions: set(decisions, 'Decisions that are settled later.'),
  trustProxy: set(
    v.union([whole(1, 32), listOf(text(64), 1, 1_000)]),
    'The gateways that are believed at /auth/*: addresses, CIDRs, loopback, linklocal or private; or how many proxies are in front. Default: none.',
  ),
  forwardedHeader: set(text(64), 'The header in which they name the client. Default: x-forwarded-for.'),
  subjects: set(v.picklist(['hashed', 'plain']), 'How subjects are written into events and analytics. Default: hashed.'),
  secret: set(
    v.pipe(v.string(), v.minLength(16), v.maxLength(1_024)),
    'The key by which subjects are hashed, the same in all processes. Default: none.',
  ),
  region: set(text(64), 'Where this process runs, in events and usage. Default: none.'),
  instance: set(text(256), 'The name of this process, in events. Default: a random one.'),
  metrics: set(v.boolean(), 'Serves /metrics. Default: true.'),
  insecure: set(v.boolean(), 'Listens beyond loopback without TLS, where the network is trusted. Default: false.'),
  drain: set(drain, 'How the service ends.'),
  workers: set(whole(1, 256), 'How many processes serve the same ports. More than one needs Redis. Default: 1.'),
  countApart: set(v.boolean(), 'Permits several workers without Redis: each has the whole of every limit. Default: false.'),
})
