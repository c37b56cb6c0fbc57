// For authors of adapters: read the facts of a request, and apply the headers and the answer.

// The pipeline, and the functions with which it reads a framework's request.
export { createPipeline } from './http/pipeline.ts'
export type { Extension, Pipeline } from './http/pipeline.ts'
export type { Admission, HttpOutcome, Refusal } from './http/outcome.ts'
export type { Host } from './http/host.ts'
export { innerLimiter } from './keyed-limiter.ts'
export { connectionAddress, clientHasLeft } from './http/connection.ts'

// Before the response: headers, and the delay of a queued request.
export { type HeaderLine, lowerCase } from './http/headers/headers.ts'
export { waitQueueDelay } from './http/queue-delay.ts'

// After the response: settle, refund, release.
export type { Done } from './http/settlement.ts'
export { type FollowedRequest, followRequest, followResponse, withWaitUntil, whenAborted, whenBodyEnds, withHeaders } from './http/web.ts'
export type { WebResponse, WebSignal } from './runtime.ts'

// Frameworks on Node's own request and response.
export { continueAfter, followNodeResponse, isGone, type NodeResponse, type NodeSocket, whenClosed } from './http/node.ts'
export { exposeNames, setNodeHeaders } from './http/node-headers.ts'
export { EXPOSE } from './http/headers/exposed-names.ts'
export {
  expressHost,
  type ExpressLikeRequest,
  fastifyHost,
  type FastifyLikeRequest,
  nodeHeader,
  type NodeHeaders,
} from './http/node-hosts.ts'

// The subject of a request, for hosts of keys that are not limits of a pipeline.
export { type Missing, type SubjectOptions, type SubjectReader, subjectReader } from './identity/subject.ts'

// The name of what no one named.
export { derivedName, hashedName } from './define-limit.ts'

// Checks of options, and messages, as in all packages.
export { invalid, quoted, withCode } from './errors.ts'
export { isTimeZone } from './calendar-options.ts'
export { knownOptions } from './known-options.ts'

// Local times of a time zone.
export { firstInstant, localTime } from './algorithms/time-zone.ts'

// A program may wait for nothing but this.
export { keptAlive } from './clock.ts'

// Values that may be promises.
export { printWarning } from './observers.ts'
export { isPromise, mapAll } from './runtime.ts'
