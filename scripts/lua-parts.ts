// Each script and its parts, in order: a part uses what the parts before it define.
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
