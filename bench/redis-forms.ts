// Which form of state is cheapest in Redis, for a sliding window: the text of today against the one integer of distribution.md,
// between a floor (an empty script, a bare INCR) and the whole store. `node --conditions=source bench/redis-forms.ts [rounds] [ms]`
// Every lane has a turn in each round, in an order that rotates; ratios are medians over the rounds, so that what else the machine
// does hits all lanes alike. Reads lua/ as it is: today's script is the one that ships.
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
// Not a package of the workspace, so by path: the server of the tests, and what the packages offer.
import { slidingWindow } from '../packages/core/src/index.ts'
import { redisStore } from '../packages/redis/src/index.ts'
import { startRedis } from '../packages/testing/src/redis/index.ts'

const ROUNDS = Number(process.argv[2] ?? 7)
const TURN_MS = Number(process.argv[3] ?? 700)
const SUBJECTS = 100_000
const LIMIT = 1_000
const WINDOW = 60_000
const BATCH = 64

const lua = (name: string) => readFileSync(join(import.meta.dirname, '..', 'lua', `${name}.lua`), 'utf8')

/** What changes in lua/slidingWindow.lua: `(id mod 2^11) · 2^42 + previous · 2^21 + count`; counts below 2^21, W of 4 s or more. */
const INTEGER_WINDOW = `
local T21, T42 = 2097152, 4398046511104
local text_read, text_take = algorithms.s.read, algorithms.s.take
function algorithms.s.decode(text)
  local n = integer(text)
  return n and n >= 0 and { raw = n } or nil
end
local function resolved(state, limit, now)
  if not state.raw then return state end
  local low = math.fmod(state.raw, T42)
  local count = math.fmod(low, T21)
  local id = fdiv(fdiv(now, 1000), limit[3])
  local behind = math.fmod(id - (state.raw - low) / T42 + 2048, 2048)
  if behind > 1024 then behind = behind - 2048 end
  state[1], state[2], state[3], state.raw = (id - behind) * limit[3], count, (low - count) / T21, nil
  return state
end
function algorithms.s.read(state, limit, now)
  return text_read(state and resolved(state, limit, now), limit, now)
end
function algorithms.s.met(state, limit, now)
  return told(resolved(state, limit, now))
end
function algorithms.s.encode(state, limit)
  return string.format('%.0f', math.fmod(state[1] / limit[3], 2048) * T42 + state[3] * T21 + state[2]), state[1] + 2 * limit[3]
end
-- A view with a key behind it is its own state: there the charge is INCRBY, which keeps the expiry.
function algorithms.s.take(view, limit, now, cost)
  local after = text_take(view, limit, now, cost)
  if after then
    after.iskept = true
    if view.iskept ~= nil or view.isread then after.by = string.format('%.0f', after[2] - view[2]) end
  end
  return after
end
`
/** What changes in lua/batch.lua for it. */
const INCREMENT: readonly (readonly [from: string, to: string])[] = [
  [
    'states[key] = algorithm.decode(values[key])',
    'states[key] = algorithm.decode(values[key])\n      if states[key] then states[key].isread = true end',
  ],
  [
    '  local text, at = algorithm.encode(state, limit, now)',
    "  if state.by then return { 'INCRBY', KEYS[key], state.by } end\n  local text, at = algorithm.encode(state, limit, now)",
  ],
  [
    "  if command[1] == 'DEL' then",
    "  if command[1] == 'INCRBY' then\n    result = redis.pcall('INCRBY', command[2], command[3])\n  elseif command[1] == 'DEL' then",
  ],
  ["{ 'DEL', 'SET' }", "{ 'DEL', 'SET', 'INCRBY' }"],
]
/** A path of its own for what nearly all decisions are: one charge, no part, no receipt. No table but the reply and the state. */
const SHORT_PATH: readonly (readonly [from: string, to: string])[] = [
  [
    "local replies = { now, 0, '' }",
    `
local function one(decision)
  local charge = decision[3]
  local limit, key, cost = limits[charge[1]], charge[2], charge[3]
  local algorithm = algorithms[limit[1]]
  local state = load(key, algorithm)
  local view = algorithm.read(state, limit, now)
  local met = state and { state[1], state[2], state[3] } or {}
  if not algorithm.fits(view, limit, now, cost) then return { 0, met } end
  local after = algorithm.take(view, limit, now, cost)
  if not after then return { 1, met } end
  states[key] = after
  local result
  if after.by then
    result = redis.pcall('INCRBY', KEYS[key], after.by)
  else
    local text, at = algorithm.encode(after, limit)
    result = redis.pcall('SET', KEYS[key], text, 'PXAT', string.format('%.0f', at))
  end
  if type(result) == 'table' and result.err then error(result.err) end
  return { 1, met }
end
local replies = { now, 0, '' }`,
  ],
  [
    'pcall(decision[1] == 3 and reset or decide, decision)',
    'pcall(#decision == 3 and decision[1] == 0 and decision[2] == 0 and decision[3][3] > 0 and one or decision[1] == 3 and reset or decide, decision)',
  ],
]

/** A script for this one algorithm, flat arguments and no JSON: what the form costs when nothing else does. */
const lean = (read: string, write: string): string => `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local id = math.floor(now / window)
local start = id * window
local left = 1 - (now - start) / window
local expires = string.format('%.0f', start + 2 * window)
local values = redis.call('MGET', unpack(KEYS))
local seen, reply = {}, { now }
for i, key in ipairs(KEYS) do
  local text = seen[key] or values[i]
  local count, previous, isown = 0, 0, false
  if text then ${read} end
  local cost = tonumber(ARGV[2 + i])
  local allowed = count + cost + math.ceil(previous * left) <= limit
  if allowed then ${write} end
  reply[#reply + 1] = allowed and 1 or 0
  reply[#reply + 1] = text or ''
end
return reply`
/** What the batch script cannot do without: its argument and the values, nothing decided. */
const READ_ONLY = `
local batch = cjson.decode(ARGV[1])
redis.call('TIME')
local values = redis.call('MGET', unpack(KEYS))
return #batch[3] + #values`
const LEAN_TEXT = lean(
  `
    local s, c, p = string.match(text, '^(%d+):(%d+):(%d+)$')
    s = tonumber(s)
    if s == start then count, previous = tonumber(c), tonumber(p) elseif s == start - window then previous = tonumber(c) end`,
  `
    seen[key] = string.format('%.0f:%.0f:%.0f', start, count + cost, previous)
    redis.call('SET', key, seen[key], 'PXAT', expires)`,
)
const LEAN_INTEGER = lean(
  `
    local n = tonumber(text)
    local low = n % 4398046511104
    local behind = (id - (n - low) / 4398046511104) % 2048
    local c = low % 2097152
    if behind == 0 then count, previous, isown = c, (low - c) / 2097152, true elseif behind == 1 then previous = c end`,
  `
    if isown then
      seen[key] = redis.call('INCRBY', key, ARGV[2 + i])
    else
      seen[key] = string.format('%.0f', (id % 2048) * 4398046511104 + previous * 2097152 + count + cost)
      redis.call('SET', key, seen[key], 'PXAT', expires)
    end`,
)

const OTHERS = ['fixedWindow', 'slidingLog', 'bucket', 'concurrency']

/** The script that ships (or one without the other algorithms), with changes to the part that every algorithm shares. */
function patched(others: readonly string[], window: string, ...changes: readonly (readonly [from: string, to: string])[]): string {
  const batch = changes.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`lua/batch.lua has changed, there is no longer: ${from}`)
    return text.replace(from, () => to)
  }, lua('batch'))
  return [lua('lib'), lua('leases'), lua('slidingWindow'), window, ...others.map(lua), batch].join('\n')
}

interface Lane {
  readonly name: string
  /** Decides for these subjects in one command where the lane has one. */
  ask(subjects: readonly string[]): Promise<unknown>
}

const server = await startRedis()
const client = server.client()
const { limit } = slidingWindow({ name: 'minute', limit: LIMIT, window: WINDOW })
const store = redisStore({ url: server.url }, { prefix: 'store', failover: false })

async function scripted(name: string, source: string, encode: (keys: readonly string[]) => readonly [keys: string[], ...args: string[]]) {
  const sha = String(await client.script('LOAD', source))
  const prefix = `${name.replaceAll(' ', '-')}:{0}:default/minute/slidingWindow.60000:`
  return {
    name,
    ask(subjects: readonly string[]) {
      const [keys, ...args] = encode(subjects.map((subject) => prefix + subject))
      return client.evalsha(sha, keys.length, ...keys, ...args)
    },
  }
}
const batched = (keys: readonly string[]): [string[], string] => {
  const places = new Map<string, number>()
  const decisions = keys.map((key) => {
    if (!places.has(key)) places.set(key, places.size + 1)
    return [0, 0, [1, places.get(key), 1, [], '.0']]
  })
  return [[...places.keys()], JSON.stringify([-1, [['s', LIMIT, WINDOW]], decisions])]
}
const flat = (keys: readonly string[]): [string[], ...string[]] => [[...keys], String(LIMIT), String(WINDOW), ...keys.map(() => '1')]

const today = patched(OTHERS, '')
const integer = patched(OTHERS, INTEGER_WINDOW, ...INCREMENT)
const shortText = patched(OTHERS, '', ...SHORT_PATH)
const shortInteger = patched(OTHERS, INTEGER_WINDOW, ...INCREMENT, ...SHORT_PATH)
const aloneText = patched([], '', ...SHORT_PATH)
const aloneInteger = patched([], INTEGER_WINDOW, ...INCREMENT, ...SHORT_PATH)
const all: readonly Lane[] = [
  await scripted('text today', today, batched),
  await scripted('integer', integer, batched),
  await scripted('text, short path', shortText, batched),
  await scripted('integer, short path', shortInteger, batched),
  await scripted('text alone, short path', aloneText, batched),
  await scripted('integer alone, short path', aloneInteger, batched),
  await scripted('JSON and MGET only', READ_ONLY, batched),
  await scripted('lean text', LEAN_TEXT, flat),
  await scripted('lean integer', LEAN_INTEGER, flat),
  await scripted('empty script', 'return 1', flat),
  { name: 'INCR', ask: (subjects) => Promise.all(subjects.map((subject) => client.incr(`incr:${subject}`))) },
  {
    name: 'redisStore()',
    ask: (subjects) => Promise.all(subjects.map((subject) => store.consume([{ limit, scope: 'default/minute', subject, cost: 1 }]))),
  },
]

interface Turn {
  readonly rate: number
  /** µs of CPU a decision. */
  readonly client: number
  readonly server: number
}

const random = (): string => String(10_000_000 + Math.floor(Math.random() * SUBJECTS))

/** Several commands on their way, so that neither side waits for the other. */
async function turn(lane: Lane, size: number, ms: number): Promise<Turn> {
  const serverBefore = await serverMicros()
  const clientBefore = process.cpuUsage()
  const start = performance.now()
  let decisions = 0
  const run = async () => {
    while (performance.now() - start < ms) {
      await lane.ask(Array.from({ length: size }, random))
      decisions += size
    }
  }
  await Promise.all(Array.from({ length: size === 1 ? 64 : 8 }, run))
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(clientBefore)
  return {
    rate: decisions / seconds,
    client: (user + system) / decisions,
    server: ((await serverMicros()) - serverBefore) / decisions,
  }
}

async function serverMicros(): Promise<number> {
  const said = await client.info('cpu')
  const of = (name: string) => Number(new RegExp(`${name}:([\\d.]+)`).exec(said)?.[1])
  return 1e6 * (of('used_cpu_user') + of('used_cpu_sys'))
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

/** The scripts must answer alike, on subjects that reach their limit, or the comparison means nothing. */
async function sameVerdicts(): Promise<void> {
  const sources = [today, integer, shortText, shortInteger, aloneText, aloneInteger]
  const checked = await Promise.all(sources.map((source, i) => scripted(`check ${i}`, source, batched)))
  for (let round = 0; round < 60; round++) {
    const subjects = Array.from({ length: BATCH }, () => String(Math.floor(Math.random() * 2)))
    const replies = await Promise.all(checked.map(async (lane) => JSON.stringify(((await lane.ask(subjects)) as unknown[]).slice(3))))
    if (new Set(replies).size > 1) throw new Error(`the forms disagree: ${replies.join('\n')}`)
  }
}

try {
  await sameVerdicts()
  console.log(`${ROUNDS} rounds of ${TURN_MS} ms, ${SUBJECTS} subjects, ${cpus().length} cores, Node ${process.version}`)
  for (const size of [BATCH, 1]) {
    // It batches by itself: single decisions of one turn leave together.
    const lanes = size === 1 ? all.slice(0, -1) : all
    const turns = lanes.map((): Turn[] => [])
    for (const lane of lanes) await turn(lane, BATCH, 1_000) // the keys are there: what is measured is inside a window
    for (let round = 0; round < ROUNDS; round++) {
      for (let i = 0; i < lanes.length; i++) {
        const at = (i + round) % lanes.length
        turns[at]!.push(await turn(lanes[at]!, size, TURN_MS))
      }
    }
    console.table(
      Object.fromEntries(
        lanes.map(({ name }, at) => {
          const ratios = turns[at]!.map(({ rate }, round) => rate / turns[0]![round]!.rate)
          const row = {
            'decisions/s': Math.round(median(turns[at]!.map(({ rate }) => rate))),
            'ratio to today': median(ratios).toFixed(2),
            spread: `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`,
            'client µs': median(turns[at]!.map(({ client }) => client)).toFixed(1),
            'server µs': median(turns[at]!.map(({ server }) => server)).toFixed(1),
            'server, of today': median(turns[at]!.map(({ server }, round) => server / turns[0]![round]!.server)).toFixed(2),
          }
          return [`${size === 1 ? 'single' : `batch of ${size}`}: ${name}`, row]
        }),
      ),
    )
  }
} finally {
  await store.close?.()
  await server.stop()
}
