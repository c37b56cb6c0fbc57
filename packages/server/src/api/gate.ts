import type { IncomingMessage } from 'node:http'
import { type HttpOutcome, waitQueueDelay } from '@sluice/core/adapter-kit'
import type { Deciders } from '../deciders.ts'
import type { Service } from '../service.ts'
import { attributesOf, type AuthSettings } from './attribute-map.ts'
import { type Asked, AUTH_HOST, type AuthRequest, gatewayCheck } from './auth-request.ts'
import { orRefused } from './checks.ts'

/** Decides the requests of the clients of gateways. */
export class Gate {
  private readonly deciders: Deciders<AuthRequest>
  private readonly isGateway: (incoming: IncomingMessage) => boolean

  constructor(service: Service) {
    const { trustProxy, forwardedHeader } = service.settings
    this.isGateway = gatewayCheck({ trustProxy })
    this.deciders = service.decidersOf(AUTH_HOST, {
      trustProxy,
      forwardedHeader,
      attributes: ({ attributes }) => attributes,
      cost: ({ cost }) => cost,
      // A gateway never says how a request ended.
      seesResponses: false,
    })
  }

  /** @param asked reads what the client of a gateway asks for. Anybody else may write anything, so it is not called for them. */
  async decide(incoming: IncomingMessage, settings: AuthSettings, asked: (incoming: IncomingMessage) => Asked): Promise<HttpOutcome> {
    const { charge } = this.deciders.of(settings.namespace)
    const { cost } = settings
    const known = this.isGateway(incoming) ? asked(incoming) : { method: incoming.method ?? 'GET', target: '/', host: undefined }
    const outcome = await orRefused(() => charge({ incoming, ...known, attributes: attributesOf(settings, incoming), cost }))
    // No gateway delays a request, so the answer waits.
    if (outcome.pass && outcome.delay > 0) await waitQueueDelay(outcome.delay, (gone) => incoming.socket.once('close', gone))
    return outcome
  }
}
