import { isSluiceError } from '@sluice/core'
import type { Listening } from '../listening.ts'
import type { Service } from '../service.ts'
import type { GrpcSettings } from './options.ts'
import { RateLimitService } from './ratelimit/rate-limit-service.ts'
import { GrpcServer } from './transport/grpc-server.ts'
import { STATUS, type StatusCode, type StatusError } from './transport/status.ts'

/** Serves gRPC. @param report gets errors that are no mistake of the caller */
export async function listenGrpc(settings: GrpcSettings, service: Service, report: (error: unknown) => void): Promise<Listening> {
  const methods = { ...new RateLimitService(service, settings).methods }
  const server = new GrpcServer({ ...settings, methods, metrics: service.metrics, statusOf: (error) => statusOf(error, report) })
  await server.listen()
  return server
}

const STATUSES: Readonly<Partial<Record<string, StatusCode>>> = {
  ERR_NAMESPACE_UNKNOWN: STATUS.NOT_FOUND,
  ERR_CHECK_INVALID: STATUS.INVALID_ARGUMENT,
  // A subject of the document falls back to the address, and no entry has it.
  ERR_ADDRESS_UNKNOWN: STATUS.INVALID_ARGUMENT,
}

/** What the caller gets to know of a failure. What is no mistake of the caller has its reason in the log alone. */
function statusOf(error: unknown, report: (error: unknown) => void): Pick<StatusError, 'status' | 'message'> {
  const status = isSluiceError(error) ? STATUSES[error.code] : undefined
  if (status !== undefined) return { status, message: (error as Error).message }
  report(error)
  return { status: STATUS.INTERNAL, message: 'The service failed. Its log says why.' }
}
