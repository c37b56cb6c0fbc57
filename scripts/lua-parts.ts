const REGION_PARTS = ['arithmetic', 'state', 'packedEntry', 'packed', 'regionLedger', 'regionStates', 'regionWindows']

// Each script and its parts, in order: a part uses what the parts before it define.
export const SCRIPTS: Readonly<Record<string, readonly string[]>> = {
  FAST: ['arithmetic', 'state', 'exchanged', 'request', 'limitSet', 'fast'],
  PACKED: ['arithmetic', 'state', 'exchanged', 'packedEntry', 'packed', 'request', 'limitSet', 'fast'],
  GENERATIONS: ['generations'],
  PUBLISH_POLICY: ['publishPolicy'],
  READ_POLICIES: ['readPolicies'],
  COUNT_VIOLATIONS: ['countViolations'],
  COUNT_USAGE: ['countUsage'],
  BLOCK_REPORT: ['blockTime', 'blockRecords', 'blockReport'],
  BLOCK_ENTRY: ['blockTime', 'blockRecords', 'blockEntry'],
  READ_BLOCKS: ['blockTime', 'readBlocks'],
  BLOCK_REVISION: ['blockTime', 'blockRevision'],
  REGION_COLLECT: [...REGION_PARTS, 'regionBuckets', 'regionOwn', 'regionCollect'],
  REGION_APPLY: [...REGION_PARTS, 'regionBuckets', 'regionOwn', 'regionApply'],
  REGION_RESET: [...REGION_PARTS, 'regionReset'],
  REGION_TRANSFER: ['arithmetic', 'state', 'regionLedger', 'regionWindows', 'regionTransfer'],
  REGION_STREAM: ['regionStream'],
  REGION_BOOK: ['regionBook'],
  REGION_HEARTBEAT: ['regionHeartbeat'],
  INSTANCES: ['instances'],
  JOURNAL: ['journal'],
  FULL: [
    'arithmetic',
    'state',
    'algorithms',
    'fixedWindow',
    'slidingWindow',
    'bucket',
    'slidingLog',
    'concurrency',
    'leases',
    'packedEntry',
    'packed',
    'batch',
    'blocks',
    'full',
  ],
}

/** The first part of every script, which gives it its time: the server's, or that of a test. Each makes scripts with their own hash. */
export const PRELUDES: Readonly<Record<string, string>> = { CLOCK: 'clock', TEST_CLOCK: 'testClock' }
