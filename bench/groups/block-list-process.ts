// One contender of block-list.ts: `block-list-process.ts <contender>`.
import { blockList, type BlockList, type BlockRecord, memoryBlockStorage } from '@sluice/blocklist'
import { createLimiter, type Decision, memoryStore, slidingWindow } from '@sluice/core'
import { createPipeline, type Host } from '@sluice/core/adapter-kit'
import { answerParent, namedContender, type Order } from '../measure/process.ts'
import { uniform } from '../measure/subjects.ts'
import { inTurns, type Run } from './memory-contenders.ts'

const CLIENTS = 10_000
const LIMIT = 100_000_000

/** Of a fixed seed, the same for every contender. */
let state = 7
const random = (below: number): number => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
  return Math.floor((state / 2 ** 32) * below)
}
const hex = (): string => random(65_536).toString(16)
const ipv4 = (): string => `${1 + random(222)}.${random(256)}.${random(256)}.${random(256)}`
// As providers have them: few first words.
const ipv6 = (): string =>
  `2${['001', '600', '804', 'a00', 'a02'][random(5)]}:${hex()}:${hex()}:${hex()}:${hex()}:${hex()}:${hex()}:${hex()}`

async function listOf(count: number): Promise<BlockList> {
  const storage = memoryBlockStorage()
  const names: readonly [kind: BlockRecord['kind'], name: string][] = Array.from({ length: count }, (_, i) =>
    i < 0.8 * count
      ? ['address', `${ipv4()}/32`]
      : i < 0.85 * count
        ? ['address', `${ipv4()}/${8 + random(24)}`]
        : i < 0.95 * count
          ? ['address', `${ipv6()}/${32 + 8 * random(13)}`]
          : ['subject', `blocked:${i}`],
  )
  const until = Date.now() + 86_400_000
  const records = names.map(([kind, name]): BlockRecord => ({
    kind,
    name,
    effect: 'refuse',
    rule: 'manual',
    since: 0,
    until,
    level: 0,
    evidence: undefined,
    reason: '',
  }))
  const list = blockList({ storage: { ...wrapped(storage), load: async () => ({ cursor: '0-0', records }) }, rule: {} })
  await list.ready()
  if (list.health().active.refuse < 0.9 * count) throw new Error('the list was not read')
  return list
}

function wrapped(storage: ReturnType<typeof memoryBlockStorage>): ReturnType<typeof memoryBlockStorage> {
  return {
    name: storage.name,
    load: () => storage.load(),
    watch: (_, emit, signal) => storage.watch('0-0', emit, signal),
    report: (reports, rule) => storage.report(reports, rule),
    put: (block) => storage.put(block),
    remove: (target, kind) => storage.remove(target, kind),
    history: (target) => storage.history(target),
    revisionAge: (policy, revision) => storage.revisionAge(policy, revision),
  }
}

/** Clients in random order: the next one is in no cache of the processor. */
const ORDER = Uint32Array.from({ length: 1 << 20 }, () => random(CLIENTS))

/** Addresses that the list blocks, or does not. */
function addresses(list: BlockList, make: () => string, isBlocked: boolean): readonly string[] {
  const found: string[] = []
  while (found.length < CLIENTS) {
    const address = make()
    if ((list.check([], address) !== undefined) === isBlocked) found.push(address)
  }
  return found
}

const checking = (list: BlockList, clients: readonly string[], subjectOf: (i: number) => string, isBlocked: boolean): Run => {
  const subjects = clients.map((_, i) => subjectOf(i))
  return (_, from, count) => {
    let blocked = 0
    for (let i = from; i < from + count; i++) {
      const client = ORDER[i & (ORDER.length - 1)] as number
      if (list.check(subjects[client] as string, clients[client]) !== undefined) blocked += 1
    }
    if (blocked !== (isBlocked ? count : 0)) throw new Error(`${blocked} of ${count} were blocked`)
  }
}

/** More clients than the list remembers, one after the other. */
async function eachNew(make: () => string): Promise<Run> {
  const list = await listOf(100_000)
  const clients = Array.from({ length: 20 }, () => addresses(list, make, false)).flat()
  let next = 0
  return (_, __, count) => {
    for (let i = 0; i < count; i++) {
      if (list.check('user:1', clients[next]) !== undefined) throw new Error('a client was blocked')
      next = (next + 1) % clients.length
    }
  }
}

const none = (): string => 'user:1'

interface Request {
  readonly client: string
}

const host: Host<Request> = {
  id: (request) => request,
  method: () => 'GET',
  target: () => '/v1/orders',
  route: () => '/v1/orders',
  address: ({ client }) => client,
  header: () => undefined,
}

function throughPipeline(list: BlockList | undefined, clients: readonly string[]): Run {
  const store = memoryStore({ maxSubjects: 1_000_000 })
  const decide = createPipeline(host, { store, trustProxy: 0, limit: LIMIT, window: '1h', ...(list && { blockList: list }) })
  return (_, from, count) => {
    for (let i = from; i < from + count; i++) {
      const outcome = decide({ client: clients[ORDER[i & (ORDER.length - 1)] as number] as string })
      if (outcome instanceof Promise || !outcome.pass) throw new Error('a request was refused')
    }
  }
}

const CONTENDERS: Readonly<Record<string, () => Promise<Run>>> = {
  async empty() {
    return checking(await listOf(0), addresses(await listOf(0), ipv4, false), none, false)
  },
  async ipv4() {
    const list = await listOf(100_000)
    return checking(list, addresses(list, ipv4, false), none, false)
  },
  async 'ipv4-blocked'() {
    const list = await listOf(100_000)
    return checking(list, addresses(list, ipv4, true), none, true)
  },
  async ipv6() {
    const list = await listOf(100_000)
    return checking(list, addresses(list, ipv6, false), none, false)
  },
  'ipv4-new': () => eachNew(ipv4),
  'ipv6-new': () => eachNew(ipv6),
  async subject() {
    const list = await listOf(100_000)
    return checking(list, addresses(list, ipv4, false), (i) => `user:${i}`, false)
  },
  async counted() {
    const list = await listOf(100_000)
    const clients = addresses(list, ipv4, false)
    const limiter = createLimiter({ store: memoryStore(), limits: [slidingWindow({ name: 'a', limit: LIMIT, window: '1h' })] })
    const decision = limiter.consume('user:1') as Decision
    return (_, from, count) => {
      for (let i = from; i < from + count; i++) {
        const address = clients[ORDER[i & (ORDER.length - 1)] as number]
        if (list.check('user:1', address) !== undefined) throw new Error('a client was blocked')
        list.decided(decision, { route: '/a', method: 'GET', latency: 1, address, authenticated: false })
      }
    }
  },
  async pipeline() {
    return throughPipeline(undefined, addresses(await listOf(0), ipv4, false))
  },
  async 'pipeline-list'() {
    const list = await listOf(100_000)
    return throughPipeline(list, addresses(list, ipv4, false))
  },
}

const obey = inTurns(await namedContender(CONTENDERS)(), uniform(CLIENTS))
answerParent((message) => obey(message as Order))
