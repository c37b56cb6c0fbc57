import { readFileSync } from 'node:fs'
import { createSecureContext, type SecureContextOptions, type Server } from 'node:tls'
import { SluiceError, systemClock } from '@sluice/core'
import { invalid, knownOptions, printWarning } from '@sluice/core/adapter-kit'

/** The certificates of one server: paths of PEM files. A file that changes is read again, at most 10 s later. */
export interface TlsOptions {
  /** The certificate, with those between it and the root. */
  readonly cert: string
  /** The private key, without a passphrase. */
  readonly key: string
  /** Certificates that sign those of clients. With it, a client without such a certificate is refused. Default: none is asked for. */
  readonly clientCa?: string | undefined
  /** The oldest version of TLS: `'TLSv1.2'` or `'TLSv1.3'`. Default: `'TLSv1.2'`. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined
}

/** ms between two looks at the files. A Secret of Kubernetes is replaced as a link, which a watch on a file does not notice. */
const INTERVAL = 10_000

/** @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN */
export function checkTls(where: string, tls: TlsOptions): void {
  knownOptions(where, tls, ['cert', 'key', 'clientCa', 'minVersion'])
  for (const name of ['cert', 'key', 'clientCa'] as const) {
    const path = tls[name]
    if (name === 'clientCa' && path === undefined) continue
    if (typeof path !== 'string' || path === '') throw invalid(`${where}.${name}`, 'the path of a PEM file', path)
  }
  const { minVersion } = tls
  if (minVersion !== undefined && minVersion !== 'TLSv1.2' && minVersion !== 'TLSv1.3')
    throw invalid(`${where}.minVersion`, "'TLSv1.2' or 'TLSv1.3'", minVersion)
}

interface Files {
  readonly options: SecureContextOptions
  /** Differs where the texts differ. */
  readonly id: string
}

/** The certificates of one server, which follow their files. */
export class Certificates {
  private readonly tls: TlsOptions
  private current: Files
  private cancel: () => void = () => undefined
  private server: Server | undefined
  private lastProblem = ''

  /** @throws ERR_TLS_INVALID */
  constructor(tls: TlsOptions) {
    this.tls = tls
    this.current = read(tls)
  }

  /** For `https.createServer` and `http2.createSecureServer`. */
  get options(): SecureContextOptions & { readonly requestCert: boolean; readonly rejectUnauthorized: boolean } {
    const isMutual = this.tls.clientCa !== undefined
    return { ...this.current.options, requestCert: isMutual, rejectUnauthorized: isMutual }
  }

  /** Gives the server new certificates from now on. Connections that are open keep theirs. */
  follow(server: Server): void {
    this.server = server
    this.schedule()
  }

  /** Reads the files now. What is not valid is reported once, and the certificates before it stay. */
  reload(): void {
    try {
      const next = read(this.tls)
      this.lastProblem = ''
      if (next.id === this.current.id) return
      this.server?.setSecureContext(next.options)
      this.current = next
    } catch (error) {
      const { message } = error as Error
      if (message !== this.lastProblem) printWarning(`${message}; the certificates before stay in use`)
      this.lastProblem = message
    }
  }

  close(): void {
    this.cancel()
    this.server = undefined
  }

  private schedule(): void {
    this.cancel = systemClock.after(INTERVAL, () => {
      this.reload()
      this.schedule()
    })
  }
}

/** @throws ERR_TLS_INVALID */
function read({ cert, key, clientCa, minVersion = 'TLSv1.2' }: TlsOptions): Files {
  try {
    const [certText, keyText, ca = ''] = [cert, key, ...(clientCa === undefined ? [] : [clientCa])].map((path) =>
      readFileSync(path, 'utf8'),
    )
    const options: SecureContextOptions = { cert: certText, key: keyText, ...(ca !== '' && { ca }), minVersion }
    // A key that is not that of the certificate is noticed here, and not by the first client.
    createSecureContext(options)
    return { options, id: [certText, keyText, ca].join('\n') }
  } catch (error) {
    throw new SluiceError(
      'ERR_TLS_INVALID',
      `tls: expected PEM files of a certificate and its key at ${cert} and ${key}${clientCa === undefined ? '' : `, and of an authority at ${clientCa}`}; reading them failed: ${(error as Error).message}`,
      { cause: error },
    )
  }
}
