// For authors of adapters: the facts of a request in, the headers and the answer out.

// The pipeline, and the functions by which it reads a framework's request.
export { createPipeline } from './http/pipeline.ts'
export type { Extension, HttpOutcome, Pipeline } from './http/pipeline.ts'
export type { Host } from './http/host.ts'
export { connectionAddress, hasLeft } from './http/connection.ts'

// Before the response: headers, and the delay of a queued request.
export { type HeaderLine, lowerCase } from './http/headers.ts'
export { awaitTurn } from './http/turn.ts'

// After the response: settle, refund, release.
export type { Done } from './http/after.ts'
export { followResponse, waitedFor, whenAborted, whenBodyEnds, withHeaders } from './http/web.ts'
export type { WebResponse, WebSignal } from './runtime.ts'

// Options are checked, and refused, in one wording.
export { invalid } from './errors.ts'
export { knownOptions } from './known-options.ts'

// Values that may be promises.
export { isPromise } from './runtime.ts'
