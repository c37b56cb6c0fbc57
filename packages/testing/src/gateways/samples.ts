/// <reference types="node" />
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The ports that stand in every sample of `deploy/`, for a reader to change. */
export interface Ports {
  /** Where clients come in: 8000. */
  readonly web: number
  /** The server behind the gateway: 3000. */
  readonly app: number
  /** Sluice over HTTP: 8080. */
  readonly http: number
  /** Sluice over gRPC: 8081. */
  readonly grpc: number
  /** Inside a gateway, which asks itself there: 8079. */
  readonly inside: number
}

const IN_SAMPLES: Readonly<Record<keyof Ports, number>> = { web: 8000, app: 3000, http: 8080, grpc: 8081, inside: 8079 }

/** The text of a file of `deploy/`. @param name such as `nginx/sluice.conf` */
export function sampleOf(name: string): string {
  return readFileSync(fileURLToPath(new URL(`../../../../deploy/${name}`, import.meta.url)), 'utf8')
}

/** A text with other ports. Everything else in it is what a reader copies. */
export function withPorts(text: string, ports: Ports): string {
  const byText = new Map(Object.entries(IN_SAMPLES).map(([key, port]) => [String(port), ports[key as keyof Ports]]))
  return text.replaceAll(/\b\d{4}\b/g, (found) => String(byText.get(found) ?? found))
}
