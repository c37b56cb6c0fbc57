// Bun and Deno for tests, as npm has them, gone afterwards whatever happens; and httpConformance() on a server that is not in this process.

export { remoteAdapter, type RemoteOptions } from './remote.ts'
export { type Runtime, startRuntime } from './process.ts'
export { runtimeBinary, type RuntimeName } from './binary.ts'
