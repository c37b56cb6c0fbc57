// A real workerd for tests, the runtime of Cloudflare Workers, gone afterwards whatever happens.

export { startWorkerd, type Workerd } from './server.ts'
export type { WorkerOptions } from './config.ts'
export { workerdBinary } from './binary.ts'
