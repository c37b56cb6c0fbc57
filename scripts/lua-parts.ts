// The parts of the one script, in this order: what is defined first can be used after it.
export const PARTS: readonly string[] = ['lib', 'fixedWindow', 'slidingWindow', 'bucket', 'slidingLog', 'concurrency', 'leases', 'batch']
