import type { AdminCertificate, AdminToken } from '../admin/options.ts'

/** Where a server listens: a port of loopback, `HOST:PORT`, `unix:PATH`, or `off`. */
export type ListenText = string | number

/** Certificates, as paths of PEM files. */
export interface TlsConfig {
  readonly cert: string
  readonly key: string
  readonly clientCa?: string | undefined
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined
}

/** The section `http`. */
export interface HttpConfig {
  readonly listen?: ListenText | undefined
  readonly socketMode?: string | undefined
  readonly tls?: TlsConfig | undefined
  readonly maxBody?: number | undefined
  readonly maxHeaders?: number | undefined
  readonly maxConnections?: number | undefined
  readonly headersTimeout?: string | undefined
  readonly requestTimeout?: string | undefined
  readonly answerTimeout?: string | undefined
  readonly keepAlive?: string | undefined
}

/** The section `grpc`. */
export interface GrpcConfig {
  readonly listen?: ListenText | undefined
  readonly socketMode?: string | undefined
  readonly tls?: TlsConfig | undefined
  readonly maxConnectionAge?: string | undefined
  readonly headers?: 'refused' | 'all' | 'none' | undefined
  readonly limitOverrides?: readonly string[] | undefined
}

/** The section `redis`. */
export interface RedisConfig {
  readonly url?: string | undefined
  readonly cluster?: readonly string[] | undefined
  readonly sentinels?: readonly string[] | undefined
  readonly primary?: string | undefined
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly ca?: string | undefined
  readonly prefix?: string | undefined
  readonly partitions?: number | undefined
  readonly deadline?: string | undefined
  readonly instances?: number | undefined
  readonly leases?: boolean | undefined
  readonly denyCache?: boolean | undefined
}

/** The section `regions`. */
export interface RegionsConfig {
  readonly self?: string | undefined
  readonly all?: readonly string[] | undefined
  readonly others?: readonly string[] | undefined
  readonly mode?: 'eventual' | 'strict' | 'local' | undefined
  readonly strict?: readonly string[] | undefined
  readonly local?: readonly string[] | undefined
  readonly interval?: string | undefined
  readonly silence?: string | undefined
  readonly whenSilent?: 'whole' | 'share' | undefined
}

/** The section `policies`. */
export interface PoliciesConfig {
  readonly from?: string | undefined
  readonly token?: string | undefined
  readonly namespaces?: readonly string[] | undefined
  readonly cache?: string | undefined
  readonly onMissing?: 'open' | 'closed' | undefined
  readonly ceilings?: string | undefined
  readonly startTimeout?: string | undefined
  readonly interval?: string | undefined
}

/** The section `blocks`. */
export interface BlocksConfig {
  readonly mode?: 'enforce' | 'shadow' | 'off' | undefined
  readonly action?: 'refuse' | 'drop' | undefined
  readonly window?: string | undefined
  readonly strikes?: number | undefined
  readonly endpoints?: number | undefined
  readonly first?: string | undefined
  readonly longest?: string | undefined
  readonly allow?: readonly string[] | undefined
}

/** The section `analytics`. */
export interface AnalyticsConfig {
  readonly enabled?: boolean | undefined
  readonly interval?: string | undefined
  readonly keep?: string | undefined
}

/** The section `events`. */
export interface EventsConfig {
  readonly sink?: string | undefined
  readonly sample?: number | undefined
  readonly refusals?: number | undefined
}

/** The section `admin`. */
export interface AdminConfig {
  readonly enabled?: boolean | undefined
  readonly tokens?: readonly AdminToken[] | undefined
  readonly certificates?: readonly AdminCertificate[] | undefined
  readonly publishTo?: string | undefined
}

/** The section `decisions`. */
export interface DecisionsConfig {
  readonly secret?: string | undefined
  readonly previousSecret?: string | undefined
  readonly lifetime?: string | undefined
}

/**
 * The configuration of the service, as a file in YAML, variables of the environment and flags give it. Each field is described in the JSON
 * Schema of this package, and in the settings of docs/server.md.
 */
export interface ServerConfig {
  readonly http?: HttpConfig | undefined
  readonly grpc?: GrpcConfig | undefined
  readonly redis?: RedisConfig | undefined
  readonly regions?: RegionsConfig | undefined
  readonly policies?: PoliciesConfig | undefined
  readonly blocks?: BlocksConfig | undefined
  readonly analytics?: AnalyticsConfig | undefined
  readonly events?: EventsConfig | undefined
  readonly admin?: AdminConfig | undefined
  readonly decisions?: DecisionsConfig | undefined
  readonly trustProxy?: number | readonly string[] | undefined
  readonly forwardedHeader?: string | undefined
  readonly subjects?: 'hashed' | 'plain' | undefined
  readonly secret?: string | undefined
  readonly region?: string | undefined
  readonly instance?: string | undefined
  readonly metrics?: boolean | undefined
  readonly insecure?: boolean | undefined
  readonly drain?: { readonly delay?: string | undefined; readonly timeout?: string | undefined } | undefined
  readonly workers?: number | undefined
  readonly countApart?: boolean | undefined
}
