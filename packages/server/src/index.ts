// The check service: `serve` starts it, as the command `sluice serve` does.
export { serve } from './serve.ts'
export type { RunningService } from './serve.ts'
export type { DrainOptions, HttpOptions, ServeOptions } from './options.ts'
export type { ServiceFeedOptions } from './feed-options.ts'
export type { ListenOptions } from './listen.ts'
export type { DecisionOptions } from './decision-options.ts'
export type { HttpLimits } from './http/limits.ts'
export type { TlsOptions } from './tls.ts'

// The metrics of the service itself.
export { SERVER_INSTRUMENTS } from './metrics/instruments.ts'

// Every code that this package adds to those of @sluice/core.
export { SERVER_CODES } from './codes.ts'
