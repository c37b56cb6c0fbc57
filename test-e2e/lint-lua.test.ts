// The lint rules of lua/: one violation of each, in a temporary folder, with the expected message.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ROOT } from './support/workspace.ts'

const HEADER = '-- Purpose: a part.\n-- KEYS, ARGV, reply: see full.lua.\n-- redis.calls: none.\n\n'

const REFUSED: readonly (readonly [name: string, file: string, source: string, line: number, reason: string])[] = [
  ['what does not parse', 'arithmetic.lua', `${HEADER}local a = = 1`, 5, 'expected near'],
  ['a later Lua than that of Redis', 'arithmetic.lua', `${HEADER}local a = 7 // 2`, 5, 'near'],
  ['a global that is assigned', 'arithmetic.lua', `${HEADER}count = 1`, 5, '"count" is assigned and global'],
  ['a field of what Redis gives', 'arithmetic.lua', `${HEADER}math.huge = 1`, 5, '"math" is assigned and global'],
  ['a global function', 'arithmetic.lua', `${HEADER}function f() end`, 5, 'function "f" is global'],
  ['a function in a table that is global', 'arithmetic.lua', `${HEADER}function redis.f() end`, 5, 'function "redis" is global'],
  ['a global that is read', 'arithmetic.lua', `${HEADER}local a = os`, 5, '"os" is neither a local nor a global that Redis gives'],
  ['a global that is called', 'arithmetic.lua', `${HEADER}print('x')`, 5, '"print" is neither a local'],
  ['a local of a part that follows', 'arithmetic.lua', `${HEADER}local a = late`, 5, '"late" is neither a local'],
  ['a local out of its scope', 'arithmetic.lua', `${HEADER}do\n  local a = 1\nend\nlocal b = a`, 8, '"a" is neither a local'],
  ['no purpose', 'arithmetic.lua', '-- What: a part.\n-- KEYS, ARGV, reply: none.\n-- redis.calls: none.\n', 1, '"-- Purpose: "'],
  ['no header', 'arithmetic.lua', 'local a = 1', 1, '"-- Purpose: "'],
  ['a contract after the code', 'arithmetic.lua', `local a = 1\n${HEADER}`, 1, '"-- Purpose: "'],
  ['no count of calls', 'arithmetic.lua', '-- Purpose: a part.\n-- KEYS, ARGV, reply: none.\n', 1, '"-- redis.calls: "'],
  ['no keys', 'arithmetic.lua', '-- Purpose: a part.\n-- ARGV, reply: none.\n-- redis.calls: none.\n', 1, '"-- KEYS: "'],
  ['no arguments', 'arithmetic.lua', '-- Purpose: a part.\n-- KEYS, reply: none.\n-- redis.calls: none.\n', 1, '"-- ARGV: "'],
  ['no reply', 'arithmetic.lua', '-- Purpose: a part.\n-- KEYS, ARGV: none.\n-- redis.calls: none.\n', 1, '"-- Reply: "'],
  ['a state without its limit', 'bucket.lua', '-- Purpose: p.\n-- State: s.\n-- Receipt: r.\n-- redis.calls: none.\n', 1, '"-- Limit: "'],
  ['a state without its receipt', 'bucket.lua', '-- Purpose: p.\n-- State: s.\n-- Limit: l.\n-- redis.calls: none.\n', 1, '"-- Receipt: "'],
  ['a write that ends the script', 'arithmetic.lua', `${HEADER}redis.call('SET', KEYS[1], 1)`, 5, 'redis.call(SET) ends the script'],
  ['one in small letters', 'arithmetic.lua', `${HEADER}redis.call("incrby", KEYS[1], 1)`, 5, 'redis.call(INCRBY) ends the script'],
  ['one of an index', 'arithmetic.lua', `${HEADER}redis['call']('DEL', KEYS[1])`, 5, 'redis.call(DEL) ends the script'],
  ['one that is computed', 'arithmetic.lua', `${HEADER}local c = 'SET'\nredis.call(c, KEYS[1], 1)`, 6, 'redis.call(…) ends the script'],
  ['one by another name', 'arithmetic.lua', `${HEADER}local call = redis.call`, 5, 'redis.call must be called by its own name'],
  ['redis by another name', 'arithmetic.lua', `${HEADER}local r = redis`, 5, 'redis must be called by its own name'],
  ['tostring', 'arithmetic.lua', `${HEADER}local a = tostring(1)`, 5, 'use string.format with %.0f'],
  ['two dots', 'arithmetic.lua', `${HEADER}local a = 1700000000123456 .. ''`, 5, 'use string.format with %.0f'],
  ['unpack of anything', 'arithmetic.lua', `${HEADER}local a = { unpack(ARGV) }`, 5, 'only of KEYS'],
  ['unpack of a local that is called KEYS', 'arithmetic.lua', `${HEADER}local KEYS = {}\nlocal a = unpack(KEYS)`, 6, 'only of KEYS'],
  ['a file that no script has', 'other.lua', HEADER, 1, 'is in no script'],
]

const ACCEPTED: readonly (readonly [name: string, source: string])[] = [
  ['what a part before declared', 'local a = shared + 1'],
  ['what Redis gives', "local a = cjson.decode(ARGV[1])\nlocal b = struct.pack('>d', 1)\nlocal c = 7 % 2"],
  ['reads', "local now = redis.call('TIME')\nlocal values = redis.call('MGET', unpack(KEYS))"],
  ['reads of a part of the keys', "local values = redis.call('MGET', unpack(KEYS, 1, 1000))"],
  ['writes that may fail', "local result = redis.pcall('SET', KEYS[1], 1, 'PX', 60000)"],
  ['functions in a local table', 'local t = {}\nfunction t.f(a)\n  t.last = a\nend'],
  ['globals in comments and texts', "-- tostring(x) .. y % z\nlocal a = 'tostring'"],
]

/** All folders are linted in one run. */
let folder: string
let messages: readonly string[]
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-lint-lua-'))
  for (const [name, file, source] of REFUSED) write(name, { 'full.lua': `${HEADER}local late = 1\n`, [file]: source })
  for (const [name, source] of ACCEPTED)
    write(name, { 'arithmetic.lua': `${HEADER}local shared = 1\n`, 'full.lua': `${HEADER}${source}\n` })
  messages = lint(...[...REFUSED, ...ACCEPTED].map(([name]) => join(folder, name)))
})
afterAll(() => rmSync(folder, { recursive: true }))

function write(name: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(join(folder, name))
  for (const [file, source] of Object.entries(files)) writeFileSync(join(folder, name, file), source)
}

function lint(...folders: readonly string[]): readonly string[] {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/lint-lua.ts', ...folders], {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: 50_000,
  })
  const lines = `${stdout}${stderr}`.split('\n').filter((line) => line !== '')
  expect(status, lines.join('\n')).toBe(lines.length > 0 ? 1 : 0)
  return lines
}

function messagesOf(name: string): readonly string[] {
  return messages.filter((line) => line.includes(`/${name}/`)).map((line) => line.slice(line.lastIndexOf(`/${name}/`) + name.length + 2))
}

test('lua/ passes', () => {
  expect(lint()).toEqual([])
})

for (const [name, file, , line, reason] of REFUSED) {
  test(`refused: ${name}`, () => {
    const own = messagesOf(name)
    expect(own.filter((message) => message.startsWith(`${file}:${line}:`) && message.includes(reason))).not.toEqual([])
    expect(own.filter((message) => !message.startsWith(`${file}:${line}:`))).toEqual([])
  })
}

for (const [name] of ACCEPTED) {
  test(`accepted: ${name}`, () => {
    expect(messagesOf(name)).toEqual([])
  })
}

test('a message has the line of its own file, not of the assembled script', () => {
  const own = join(folder, 'whole')
  cpSync(join(ROOT, 'lua'), own, { recursive: true })
  const text = readFileSync(join(own, 'concurrency.lua'), 'utf8')
  writeFileSync(join(own, 'concurrency.lua'), `${text}local last = tostring(1)\n`)
  expect(lint(own)).toEqual([expect.stringContaining(`/concurrency.lua:${text.split('\n').length}:14: tostring`)])
})
