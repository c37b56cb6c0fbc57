// Each script and its parts, in order: a part uses what the parts before it define.
export const SCRIPTS: Readonly<Record<string, readonly string[]>> = {
  FAST: ['lib', 'arithmetic', 'fast'],
  PACKED: ['lib', 'arithmetic', 'packed', 'fast'],
  FULL: [
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
    'full',
  ],
}
