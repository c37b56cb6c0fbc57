// Entry `@sluice/testing/runtimes`: Bun and Deno from npm, and httpConformance() on a server in another process. The
// runtimes end with the test process, even when it is killed.

export { remoteAdapter, type RemoteOptions } from './remote.ts'
export { type Runtime, startRuntime } from './process.ts'
export { runtimeBinary, type RuntimeName } from './binary.ts'
