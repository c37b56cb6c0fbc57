import type { IncomingMessage } from 'node:http'
import { isTrusted, trustOf, type Host } from '@sluice/core/adapter-kit'
import type { Settings } from '../options.ts'
import { lastLine } from './attribute-map.ts'

/** The headers in which a gateway says what its client asks for, in lower case. */
export interface GatewayHeaders {
  readonly method: string
  readonly target: string
  readonly host: string
}

/** A request to a gateway, which asks whether it may go on. */
export interface AuthRequest {
  readonly incoming: IncomingMessage
  readonly method: string
  readonly target: string
  readonly host: string | undefined
  readonly attributes: Readonly<Record<string, string>>
  readonly cost: number
}

/** Whether a connection is one of a gateway that is believed. */
export function gatewayCheck({ trustProxy }: Pick<Settings, 'trustProxy'>): (incoming: IncomingMessage) => boolean {
  const trust = trustOf(trustProxy)
  if ('hops' in trust) return () => trust.hops > 0
  return ({ socket: { remoteAddress } }) => isTrusted(remoteAddress, trust.blocks)
}

/** What the client of a gateway asks for. */
export type Asked = Pick<AuthRequest, 'method' | 'target' | 'host'>

/** What the client of a gateway asks for, as the gateway says in headers. */
export function askedOf(incoming: IncomingMessage, names: GatewayHeaders): Asked {
  return {
    method: lastLine(incoming, names.method) ?? incoming.method ?? 'GET',
    target: lastLine(incoming, names.target) ?? '/',
    host: lastLine(incoming, names.host),
  }
}

/** How core reads a request to a gateway. */
export const AUTH_HOST: Host<AuthRequest> = {
  id: (request) => request,
  method: ({ method }) => method,
  target: ({ target }) => target,
  address: ({ incoming }) => incoming.socket.remoteAddress,
  header: ({ incoming, host }, name) => (name === 'host' ? host : textOf(incoming.headers[name])),
  route: () => '',
  // A gateway never says how the request ended.
  ends: () => false,
}

function textOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value
}
