import { isSluiceError } from '@sluice/core'
import type { Decisions } from '../api/decisions.ts'
import type { Listening } from '../listening.ts'
import type { Service } from '../service.ts'
import { healthMethods } from './health.ts'
import { LimiterService } from './limiter/limiter-service.ts'
import type { GrpcSettings } from './options.ts'
import { RateLimitService } from './ratelimit/rate-limit-service.ts'
import { reflectionMethods } from './reflection/reflection.ts'
import type { CallLimits } from './transport/call-limits.ts'
import { GrpcServer } from './transport/grpc-server.ts'
import { STATUS, type StatusCode, StatusError } from './transport/status.ts'

/** The services, by their full names. */
const SERVICES = [
  'envoy.service.ratelimit.v3.RateLimitService',
  'sluice.v1.Limiter',
  'grpc.health.v1.Health',
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
]

/** Serves gRPC. @param report gets errors that are no mistake of the caller */
export async function listenGrpc(
  settings: GrpcSettings,
  service: Service,
  decisions: Decisions,
  report: (error: unknown) => void,
): Promise<Listening> {
  const statusFor: CallLimits['statusOf'] = (error) => (error instanceof StatusError ? error : statusOf(error, report))
  const methods = {
    ...new RateLimitService(service, settings).methods,
    ...new LimiterService(service, decisions, statusFor).methods,
    ...healthMethods(SERVICES, service.draining),
    ...reflectionMethods(SERVICES),
  }
  const server = new GrpcServer({ ...settings, methods, metrics: service.metrics, statusOf: statusFor })
  await server.listen()
  return server
}

const STATUSES: Readonly<Partial<Record<string, StatusCode>>> = {
  ERR_NAMESPACE_UNKNOWN: STATUS.NOT_FOUND,
  ERR_CHECK_INVALID: STATUS.INVALID_ARGUMENT,
  ERR_DECISION_INVALID: STATUS.INVALID_ARGUMENT,
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
