import { invalid, knownOptions } from '@sluice/core/adapter-kit'
import type { RedisSource } from '@sluice/redis'
import type { PolicyWriter } from '../publish/writer.ts'
import type { AuditEntry } from './audit/audit-log.ts'
import { Scopes } from './scopes.ts'
import { digestOf, newToken } from './tokens.ts'

/** A token of the admin API. The configuration has only its hash, so that who reads it cannot use it. */
export interface AdminToken {
  /** Names its owner in the audit log: at most 64 characters. */
  readonly name: string
  /** SHA-256 of the token in hexadecimal. The token itself has at least 32 characters: `openssl rand -base64 32`. */
  readonly sha256: string
  /** What it may do and where: `read`, `policies`, `subjects`, `blocks`, `write` (these three) or `admin` (all), `:`, a namespace or `*`. */
  readonly scopes: readonly string[]
  /** Until when it holds, as `2027-01-01T00:00:00Z`. Default: for ever. */
  readonly expires?: string | undefined
}

/** A client certificate that the admin API accepts in place of a token. The server must verify certificates of clients. */
export interface AdminCertificate {
  /** Names its owner in the audit log: at most 64 characters. */
  readonly name: string
  /** `CN=…` of its subject, or a name of its subjectAltName: `URI:spiffe://…`, `DNS:…`. */
  readonly subject: string
  /** As those of a token. */
  readonly scopes: readonly string[]
}

/**
 * The options of the admin API.
 * @example
 * ```ts
 * import type { AdminOptions } from '@sluice/server'
 *
 * const admin: AdminOptions = {
 *   tokens: [{ name: 'console', sha256: process.env['CONSOLE_TOKEN_SHA256'] ?? '', scopes: ['read:*', 'write:shop'] }],
 *   onAudit: (entry) => console.log(JSON.stringify(entry)),
 * }
 * ```
 */
export interface AdminOptions {
  /** Who may use it. Default: one token that is made at the start, with all scopes, if the service listens on loopback only. */
  readonly tokens?: readonly AdminToken[] | undefined
  /** Which client certificates may. Default: none. */
  readonly certificates?: readonly AdminCertificate[] | undefined
  /**
   * Where documents are published to: the URL of the place that `policies` follows, as of `sluice policies publish --to`, or what
   * `policyWriter()` returns. Default: the built-in document is replaced in memory; other documents are read only.
   */
  readonly publishTo?: string | PolicyWriter | undefined
  /**
   * Where all instances of the service say which revisions they have, and keep the audit log together: a client, or where to connect, as for
   * `redisStore`. Default: the service knows itself only, and the audit log ends with the process.
   */
  readonly redis?: RedisSource | undefined
  /** Called with each write, also with those that were refused. Default: the audit log is only kept. */
  readonly onAudit?: ((entry: AuditEntry) => void) | undefined
}

/** The options after the checks. */
export interface AdminSettings {
  readonly tokens: readonly { readonly name: string; readonly digest: Buffer; readonly scopes: Scopes; readonly expires: number }[]
  readonly certificates: readonly { readonly name: string; readonly subject: string; readonly scopes: Scopes }[]
  readonly publishTo: AdminOptions['publishTo']
  readonly redis: RedisSource | undefined
  readonly onAudit: AdminOptions['onAudit']
  /** The token that was made for this start; `undefined` if tokens are configured. */
  readonly made: string | undefined
}

const KNOWN = ['tokens', 'certificates', 'publishTo', 'redis', 'onAudit'] as const

/** @param isLoopback whether only this machine can reach the service @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN */
export function adminSettings(admin: AdminOptions, isLoopback: boolean): AdminSettings {
  if (typeof admin !== 'object' || admin === null) throw invalid('serve: admin', '{ tokens }, or false', admin)
  knownOptions('serve: admin', admin, KNOWN)
  const { tokens = [], certificates = [], publishTo, redis, onAudit } = admin
  if (!Array.isArray(tokens)) throw invalid('serve: admin.tokens', 'a list of { name, sha256, scopes }', tokens)
  if (!Array.isArray(certificates)) throw invalid('serve: admin.certificates', 'a list of { name, subject, scopes }', certificates)
  if (onAudit !== undefined && typeof onAudit !== 'function') throw invalid('serve: admin.onAudit', 'a function', onAudit)
  if (publishTo !== undefined && typeof publishTo !== 'string' && typeof (publishTo as Partial<PolicyWriter> | null)?.write !== 'function')
    throw invalid('serve: admin.publishTo', "a URL such as 'file:sluice.yaml'", publishTo)
  const rest = { publishTo, redis, onAudit }
  const given = tokens.map((token, i) => tokenOf(`serve: admin.tokens[${i}]`, token))
  const known = certificates.map((certificate, i) => certificateOf(`serve: admin.certificates[${i}]`, certificate))
  if (given.length > 0 || known.length > 0) return { ...rest, tokens: given, certificates: known, made: undefined }
  if (!isLoopback) throw invalid('serve: admin.tokens', 'at least one, since other machines reach the service', tokens)
  const made = newToken()
  const scopes = new Scopes('serve: admin', ['admin:*'])
  return { ...rest, tokens: [{ name: 'start', digest: digestOf(made), scopes, expires: Infinity }], certificates: [], made }
}

function tokenOf(where: string, token: AdminToken): AdminSettings['tokens'][number] {
  if (typeof token !== 'object' || token === null) throw invalid(where, '{ name, sha256, scopes }', token)
  knownOptions(where, token, ['name', 'sha256', 'scopes', 'expires'])
  const { name, sha256, scopes, expires } = token
  // The message does not have the text: somebody may have written the token itself.
  if (typeof sha256 !== 'string' || !/^[\da-f]{64}$/i.test(sha256))
    throw invalid(`${where}.sha256`, 'the SHA-256 of the token as 64 hexadecimal digits', typeof sha256)
  const end = expires === undefined ? Infinity : Date.parse(expires)
  if (Number.isNaN(end)) throw invalid(`${where}.expires`, "an instant such as '2027-01-01T00:00:00Z'", expires)
  return { name: named(where, name), digest: Buffer.from(sha256, 'hex'), scopes: new Scopes(`${where}.scopes`, scopes), expires: end }
}

function certificateOf(where: string, certificate: AdminCertificate): AdminSettings['certificates'][number] {
  if (typeof certificate !== 'object' || certificate === null) throw invalid(where, '{ name, subject, scopes }', certificate)
  knownOptions(where, certificate, ['name', 'subject', 'scopes'])
  const { name, subject, scopes } = certificate
  if (typeof subject !== 'string' || !/^(?:CN=|URI:|DNS:)./.test(subject))
    throw invalid(`${where}.subject`, "a name such as 'CN=deploy' or 'URI:spiffe://example.org/deploy'", subject)
  return { name: named(where, name), subject, scopes: new Scopes(`${where}.scopes`, scopes) }
}

function named(where: string, name: unknown): string {
  if (typeof name !== 'string' || !/^[^\p{Cc}]{1,64}$/u.test(name)) throw invalid(`${where}.name`, 'a text of 1 to 64 characters', name)
  return name
}
