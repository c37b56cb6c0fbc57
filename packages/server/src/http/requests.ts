import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { systemClock } from '@sluice/core'
import type { EndpointMetrics } from '../metrics/endpoint-metrics.ts'
import type { Service } from '../service.ts'
import { problem, problemOf } from './answers.ts'
import { bodyTooLarge } from './body.ts'
import type { HttpLimitSettings } from './limits.ts'
import type { Answer, Route } from './route.ts'
import { Router } from './router.ts'

/** ms. A stream has ended by then, or is cut. */
const STREAM_END = 100

/** How much larger the body of a list may be. */
const LIST_FACTOR = 16

interface Surroundings {
  readonly service: Service
  readonly limits: HttpLimitSettings
  readonly report: (error: unknown) => void
}

/** Answers the requests of a server by its routes, and counts them. */
export function answerRequests(server: Server, routes: readonly Route[], around: Surroundings): void {
  new Requests(routes, around).follow(server)
}

/** What happens to each request. */
class Requests {
  private readonly router: Router
  private readonly around: Surroundings
  private readonly endpoints = new Map<Route | undefined, EndpointMetrics>()

  constructor(routes: readonly Route[], around: Surroundings) {
    this.router = new Router(routes)
    this.around = around
  }

  follow(server: Server): void {
    const { service, report } = this.around
    const counts = service.metrics.protocol('http')
    server.on('connection', (socket) => {
      counts.connections += 1
      socket.once('close', () => (counts.connections -= 1))
    })
    server.on('drop', () => (counts.refused += 1))
    server.on('request', (incoming, response) => {
      const from = systemClock.monotonic()
      counts.inFlight += 1
      let route: Route | undefined
      const end = () => {
        counts.inFlight -= 1
        this.metricsOf(route).answered(response.statusCode, systemClock.monotonic() - from)
      }
      response.once('close', end)
      this.answer(incoming, (found) => (route = found))
        .then((answer) => this.send(incoming, response, answer))
        .catch((error: unknown) => {
          report(error)
          response.destroy()
        })
    })
  }

  /** Never rejects. */
  private async answer(incoming: IncomingMessage, found: (route: Route) => void): Promise<Answer> {
    const { limits, report } = this.around
    try {
      const target = incoming.url ?? '/'
      // `//host/path` would otherwise be a URL of another host.
      const url = target.startsWith('/') && URL.canParse(`http://service${target}`) ? new URL(`http://service${target}`) : undefined
      if (url === undefined) return problem(400, 'Expected a path.')
      const match = this.router.find(incoming.method ?? 'GET', target, url.pathname)
      const maxBody = 'route' in match ? maxBodyOf(match.route, limits.maxBody) : limits.maxBody
      if (Number(incoming.headers['content-length'] ?? 0) > maxBody) return bodyTooLarge(maxBody)
      if (!('route' in match)) return match
      found(match.route)
      const answer = match.route.handle({ incoming, url, params: match.params, maxBody })
      return answer instanceof Promise ? await inTime(answer, limits.answerTimeout) : answer
    } catch (error) {
      const answer = problemOf(error)
      if (answer.status === 500) report(error)
      return answer
    }
  }

  private send(incoming: IncomingMessage, response: ServerResponse, { status, headers = [], body }: Answer): void {
    if (response.destroyed || response.headersSent) return
    for (const [name, value] of headers) response.setHeader(name, value)
    const { draining } = this.around.service
    // A body that nobody read would be taken for the next request, or read on for as long as the client sends.
    if (draining.aborted || !incoming.complete) response.setHeader('Connection', 'close')
    response.statusCode = status
    if (typeof body !== 'function') response.end(incoming.method === 'HEAD' ? undefined : body)
    else if (incoming.method === 'HEAD') response.end()
    else {
      body(response)
      const cut = (): void => void systemClock.after(STREAM_END, () => response.destroy())
      draining.addEventListener('abort', cut, { once: true })
      response.once('close', () => draining.removeEventListener('abort', cut))
    }
  }

  private metricsOf(route: Route | undefined): EndpointMetrics {
    let metrics = this.endpoints.get(route)
    if (metrics === undefined) {
      metrics = this.around.service.metrics.endpoint('http', route?.path ?? 'none')
      this.endpoints.set(route, metrics)
    }
    return metrics
  }
}

/** The answer, or 503 if it takes longer than `ms`. */
function inTime(answer: Promise<Answer>, ms: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const cancel = systemClock.after(ms, () => resolve(problem(503, `The service did not answer within ${ms} ms.`)))
    answer.then(resolve, reject).finally(cancel)
  })
}

function maxBodyOf({ maxBody, takesList = false }: Route, usual: number): number {
  return maxBody ?? usual * (takesList ? LIST_FACTOR : 1)
}
