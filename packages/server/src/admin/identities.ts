import { timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { PeerCertificate, TLSSocket } from 'node:tls'
import type { AdminSettings } from './options.ts'
import type { Scopes } from './scopes.ts'
import { digestOf, isLongEnough } from './tokens.ts'

/** Who asks. */
export interface Identity {
  /** The name of the token, or of the certificate, for the audit log. */
  readonly name: string
  readonly by: 'token' | 'mtls'
  readonly scopes: Scopes
}

/** Knows who asks, by a bearer token or by a certificate. */
export class Identities {
  private readonly tokens: AdminSettings['tokens']
  private readonly certificates: AdminSettings['certificates']
  private readonly now: () => number

  constructor({ tokens, certificates }: Pick<AdminSettings, 'tokens' | 'certificates'>, now: () => number) {
    this.tokens = tokens
    this.certificates = certificates
    this.now = now
  }

  /** Who sends the request. `none`: it has no credentials. `wrong`: nobody has these. A token counts before a certificate. */
  of(incoming: IncomingMessage): Identity | 'none' | 'wrong' {
    const { authorization } = incoming.headers
    if (authorization !== undefined) return this.ofToken(/^bearer +(\S+) *$/i.exec(authorization)?.[1] ?? '') ?? 'wrong'
    return this.ofCertificate(incoming) ?? 'none'
  }

  /** Compares with every token to the end, so that the time says nothing of how much is right, or which one is near. */
  private ofToken(token: string): Identity | undefined {
    const digest = digestOf(token)
    let found: AdminSettings['tokens'][number] | undefined
    for (const each of this.tokens) if (timingSafeEqual(each.digest, digest)) found = each
    if (found === undefined || !isLongEnough(token) || this.now() >= found.expires) return undefined
    return { name: found.name, by: 'token', scopes: found.scopes }
  }

  private ofCertificate({ socket }: IncomingMessage): Identity | undefined {
    const { authorized, getPeerCertificate } = socket as Partial<TLSSocket>
    // `authorized` says that an authority of this server has signed it.
    if (authorized !== true || getPeerCertificate === undefined || this.certificates.length === 0) return undefined
    const names = namesOf((socket as TLSSocket).getPeerCertificate())
    const found = this.certificates.find(({ subject }) => names.includes(subject))
    return found && { name: found.name, by: 'mtls', scopes: found.scopes }
  }
}

/** The names of a certificate, as `AdminCertificate.subject` has them. */
function namesOf({ subject, subjectaltname = '' }: PeerCertificate): readonly string[] {
  const common = subject?.CN
  // Quoted where a name has a comma: such a name must not become two.
  const others = subjectaltname.includes('"') ? [] : subjectaltname.split(', ')
  return [...(typeof common === 'string' ? [`CN=${common}`] : []), ...others.filter((name) => /^(?:URI|DNS):/.test(name))]
}
