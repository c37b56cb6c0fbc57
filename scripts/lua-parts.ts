// The scripts and their parts, in order: what is defined first can be used after it.
export const SCRIPTS: Readonly<Record<string, readonly string[]>> = {
  PLAIN: ['lib', 'arithmetic', 'plain'],
  PACKED: ['lib', 'arithmetic', 'packed', 'plain'],
  BATCH: [
    'lib',
    'arithmetic',
    'algorithms',
    'fixedWindow',
    'slidingWindow',
    'bucket',
    'slidingLog',
    'concurrency',
    'leases',
    'packed',
    'batch',
  ],
}
