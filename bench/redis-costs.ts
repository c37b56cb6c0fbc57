// How long each part of a charge takes inside a Redis script: a loop in Lua for each part, in alternating rounds. Prints the median of
// each part, less the median of an empty loop: `node --conditions=source bench/redis-costs.ts [repetitions] [rounds]`.
import { startRedis } from '@sluice/testing/redis'
import { quantile } from './measure/rounds.ts'

const REPETITIONS = Number(process.argv[2] ?? 100_000)
const ROUNDS = Number(process.argv[3] ?? 9)

const TEXT = "'1795320000000:12345:678'"
const PARTS: readonly (readonly [name: string, lua: string])[] = [
  ['an empty loop', 'x = i'],
  ['read text: match, tonumber', `local a, b, c = match(${TEXT}, '^(%d+):(%d+):(%d+)$') a, b, c = tonumber(a), tonumber(b), tonumber(c)`],
  ['read three doubles: struct.unpack', "local a, b, c = unpacked('>ddd', packed)"],
  ['write text: string.format', "x = format('%.0f:%.0f:%.0f', 1795320000000, i, 678)"],
  ['write three doubles: struct.pack', "x = pack('>ddd', 1795320000000, i, 678)"],
  ['SET with PXAT', "redis.pcall('SET', KEYS[1], packed, 'PXAT', 1895320000000)"],
  ['SET with KEEPTTL', "redis.pcall('SET', KEYS[1], packed, 'KEEPTTL')"],
  ['INCRBY', "redis.pcall('INCRBY', KEYS[2], 1)"],
  ['GET', "x = redis.call('GET', KEYS[1])"],
  ['math.fmod', 'x = fmod(1795320000000 + i, 60000)'],
  ['%', 'x = (1795320000000 + i) % 60000'],
]

const script = (lua: string): string => `
local match, format, fmod, pack, unpacked = string.match, string.format, math.fmod, struct.pack, struct.unpack
local packed, x = pack('>ddd', 1795320000000, 12345, 678), nil
local first = redis.call('TIME')
for i = 1, ${REPETITIONS} do ${lua} end
local last = redis.call('TIME')
return (last[1] - first[1]) * 1000000 + last[2] - first[2]`

const server = await startRedis()
const client = server.client()
const took = PARTS.map(() => [] as number[])
for (let round = 0; round < ROUNDS; round++)
  for (const [i, [, lua]] of PARTS.entries()) took[i]?.push(Number(await client.eval(script(lua), 2, 'a', 'b')) / REPETITIONS)
const [empty = 0, ...medians] = took.map((values) => quantile(values, 0.5))
for (const [i, [name]] of PARTS.slice(1).entries()) console.log(`${name.padEnd(36)} ${((medians[i] as number) - empty).toFixed(2)} µs`)
await server.stop()
