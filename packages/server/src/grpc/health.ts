import type { Methods, StreamCall } from './transport/method.ts'
import { STATUS, StatusError } from './transport/status.ts'
import { Reader } from './wire/reader.ts'
import { Writer } from './wire/writer.ts'

const SERVING = 1
const NOT_SERVING = 2
const SERVICE_UNKNOWN = 3

const writer = new Writer()

/**
 * The health protocol of gRPC. A service that drains is `NOT_SERVING`, so that load balancers leave it.
 * @param services the full names of what is served
 */
export function healthMethods(services: readonly string[], draining: AbortSignal): Methods {
  const known = new Set(['', ...services])
  const stateOf = () => (draining.aborted ? NOT_SERVING : SERVING)
  return {
    '/grpc.health.v1.Health/Check': {
      unary(message) {
        const service = serviceIn(message)
        if (!known.has(service)) throw new StatusError(STATUS.NOT_FOUND, `there is no service ${service}`)
        return frameOf(stateOf())
      },
    },
    '/grpc.health.v1.Health/Watch': {
      stream: (call) => ({
        message(message) {
          watch(call, known.has(serviceIn(message)) ? stateOf : undefined, draining)
        },
        // The client watches again, on another connection.
        draining: () => call.end(STATUS.UNAVAILABLE, 'the connection ends; watch again'),
      }),
    },
  }
}

function watch(call: StreamCall, stateOf: (() => number) | undefined, draining: AbortSignal): void {
  call.send(frameOf(stateOf?.() ?? SERVICE_UNKNOWN))
  if (stateOf === undefined || draining.aborted) return
  const changed = () => call.send(frameOf(stateOf()))
  draining.addEventListener('abort', changed, { once: true })
  call.onClose(() => draining.removeEventListener('abort', changed))
}

function serviceIn(message: Buffer): string {
  const reader = new Reader(message)
  let service = ''
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x0a) service = reader.text()
    else reader.skip(tag)
  }
  return service
}

function frameOf(state: number): Buffer {
  writer.begin()
  writer.uint(0x08, state)
  return writer.frame()
}
