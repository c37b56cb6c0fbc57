// The check service: `serve` starts it, as the command `sluice serve` does.
export { serve } from './serve.ts'
export type { RunningService } from './serve.ts'
export type { ListenOptions, ServeOptions } from './options.ts'

// Every code that this package adds to those of @sluice/core.
export { SERVER_CODES } from './codes.ts'
