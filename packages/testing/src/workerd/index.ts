// Entry `@sluice/testing/workerd`: workerd, the runtime of Cloudflare Workers. It ends with the test process, even when that
// is killed.

export { bundleWorker, startWorkerd, type Workerd } from './server.ts'
export type { WorkerOptions } from './config.ts'
export { workerdBinary } from './binary.ts'
