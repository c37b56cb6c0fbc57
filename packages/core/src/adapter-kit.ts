// For authors of adapters: read the facts of a request, and apply the headers and the answer.

// The pipeline, and the functions with which it reads a framework's request.
export { createPipeline } from './http/pipeline.ts'
export type { Extension, Pipeline } from './http/pipeline.ts'
export type { Admission, HttpOutcome, Refusal } from './http/outcome.ts'
export type { Host } from './http/host.ts'
export { type Deciding, innerLimiter, KeyedLimiter, type StateChange } from './keyed-limiter.ts'
export { connectionAddress, clientHasLeft, dropConnection, platformAddress } from './http/connection.ts'

// Before the response: headers, and the delay of a queued request.
export {
  checkDialect,
  type Dialect,
  type HeaderEntry,
  type HeaderLine,
  lowerCase,
  refusalHeaders,
  renderHeaders,
} from './http/headers/headers.ts'
export { waitQueueDelay } from './http/queue-delay.ts'

// The answer to a refused request.
export { decisionProblem } from './http/decision-problem.ts'
export type { Problem } from './http/problem.ts'

// After the response: settle, refund, release.
export type { Done } from './http/settlement.ts'
export { responseHeader } from './http/response-header.ts'
export { type FollowedRequest, followRequest, followResponse, withWaitUntil, whenAborted, whenBodyEnds, withHeaders } from './http/web.ts'
export type { WebResponse, WebSignal } from './runtime.ts'

// Frameworks on Node's own request and response.
export {
  continueAfter,
  type DroppableRequest,
  dropNodeRequest,
  followNodeResponse,
  isGone,
  type NodeResponse,
  type NodeSocket,
  whenClosed,
} from './http/node.ts'
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

// Which proxies are trusted, for what they say beside the address of the client.
export { isTrusted, type Trust, trustOf } from './identity/trust.ts'

// The subject of a request, for hosts of keys that are not limits of a pipeline.
export { type Missing, type SubjectOptions, type SubjectReader, subjectReader } from './identity/subject.ts'

// Policies that are data: what they read, and the limiter that decides by them.
export { policyPipeline } from './http/policy-pipeline.ts'
export type { PolicyPipeline } from './http/policy-pipeline.ts'
export type {
  DecidedAnswer,
  EndedResponse,
  MountablePolicies,
  PolicyAnswer,
  PolicyMount,
  PolicyView,
  Units,
} from './http/policy-contract.ts'
export { type BlockedRequest, BlockGate, type CheckedRequest, identityOf } from './http/block-gate.ts'
export { isRequest } from './http/subjects.ts'
export { ObserverHub } from './observers.ts'
export { type Facts, factsOf } from './decision-facts.ts'
export { distinctLimits } from './configured-limits.ts'
export { LimiterEngine } from './limiter-engine.ts'
export type { LimitSet, Policy, ScopedLimit } from './policy.ts'
export { type Canonicalizer, canonicalizer, passingCanonicalizer } from './identity/canonical.ts'
export { decisionOf, isStricter } from './decision.ts'
export { checkCallOptions } from './call-checks.ts'
export { type Target } from './subject-values.ts'

// The name of what no one named.
export { derivedName, hashedName } from './define-limit.ts'

// Checks of options, and messages, as in all packages.
export { invalid, quoted, withCode } from './errors.ts'
export { isTimeZone } from './calendar-options.ts'
export { knownOptions, similar } from './known-options.ts'

// Texts that are kept.
export { detach } from './detach.ts'

// Local times of a time zone.
export { firstInstant, localTime } from './algorithms/time-zone.ts'

// A program may wait for nothing but this.
export { keptAlive } from './clock.ts'

// Values that may be promises, and what is printed.
export { printWarning } from './print-warning.ts'
export { isPromise, mapAll } from './runtime.ts'
