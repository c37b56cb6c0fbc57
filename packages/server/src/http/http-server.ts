import { createServer, type Server, type ServerOptions } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { systemClock } from '@sluice/core'
import type { Listening } from '../listening.ts'
import type { Settings } from '../options.ts'
import type { Service } from '../service.ts'
import { listenOn, urlOf } from '../socket.ts'
import { Certificates } from '../tls.ts'
import { answerRequests } from './requests.ts'
import type { Route } from './route.ts'

type HttpSettings = NonNullable<Settings['http']>
/** ms between two looks for requests that arrive too slowly. By default, Node looks every 30 s. */
const CHECK_INTERVAL = 500
/** ms without a byte in either direction, after which a connection with a request ends: a client that reads no answer. */
const IDLE_TIMEOUT = 60_000

/** Serves routes over HTTP. */
export class HttpServer implements Listening {
  readonly url: string
  private readonly server: Server
  private readonly certificates: Certificates | undefined

  /** @param report gets errors that are no mistake of the caller */
  static async listen(
    settings: HttpSettings,
    routes: readonly Route[],
    service: Service,
    report: (error: unknown) => void,
  ): Promise<HttpServer> {
    const certificates = settings.tls && new Certificates(settings.tls)
    const { limits } = settings
    const options: ServerOptions = {
      maxHeaderSize: limits.maxHeaders,
      headersTimeout: limits.headersTimeout,
      // Node refuses a shorter one than that of the headers.
      requestTimeout: Math.max(limits.requestTimeout, limits.headersTimeout),
      keepAliveTimeout: limits.keepAlive,
      connectionsCheckingInterval: CHECK_INTERVAL,
    }
    const server = certificates === undefined ? createServer(options) : createSecureServer({ ...options, ...certificates.options })
    server.timeout = IDLE_TIMEOUT
    server.maxConnections = limits.maxConnections
    answerRequests(server, routes, { service, limits, report })
    await listenOn(server, settings)
    certificates?.follow(server as never)
    return new HttpServer(server, urlOf(server, settings, 'http'), certificates)
  }

  private constructor(server: Server, url: string, certificates: Certificates | undefined) {
    this.server = server
    this.url = url
    this.certificates = certificates
  }

  reload(): void {
    this.certificates?.reload()
  }

  close(timeout: number): Promise<void> {
    this.certificates?.close()
    const { server } = this
    return new Promise((resolve) => {
      const cancel = systemClock.after(timeout, () => server.closeAllConnections())
      // Connections without a request end at once: all that were used since the drain began have ended by themselves.
      server.close(() => {
        cancel()
        resolve()
      })
    })
  }
}
