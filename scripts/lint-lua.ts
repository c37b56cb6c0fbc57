// Lints lua/, or the folders in the arguments. No type checker reads Lua, so these rules are its only check before it runs.
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { type Node, parse } from 'luaparse'
import { PRELUDES, SCRIPTS } from './lua-parts.ts'

/** The globals that Redis gives to a script. A script may define no global of its own. */
const GIVEN = new Set(
  'KEYS ARGV redis bit cjson struct string table math tonumber tostring ipairs pairs next select type unpack error pcall assert'.split(' '),
)
/** Commands that write nothing. If one fails by `redis.call`, the script ends, and nothing has been charged yet. */
const READS = new Set([
  'TIME',
  'GET',
  'MGET',
  'HMGET',
  'HGETALL',
  'HLEN',
  'HSCAN',
  'XRANGE',
  'XREVRANGE',
  'ZMSCORE',
  'ZRANGE',
  'ZRANGEBYSCORE',
])

const ROOT = join(import.meta.dirname, '..')

/** Reports a problem in a file, at a line and a column that both count from 1. */
type Report = (file: string, line: number, column: number, message: string) => void

interface Source {
  readonly file: string
  readonly text: string
}

const folders = process.argv.length > 2 ? process.argv.slice(2) : [join(ROOT, 'lua')]
for (const folder of folders) lint(folder)

function lint(folder: string): void {
  // A set, since a part of two scripts is linted twice.
  const problems = new Set<string>()
  const report: Report = (file, line, column, message) => {
    problems.add(`${relative(ROOT, join(folder, file))}:${line}:${column}: ${message}`)
  }
  const files = readdirSync(folder).filter((name) => name.endsWith('.lua'))
  const used = new Set([...Object.values(PRELUDES), ...Object.values(SCRIPTS).flat()])
  for (const file of files) if (!used.has(file.slice(0, -4))) report(file, 1, 1, 'is in no script: add it to scripts/lua-parts.ts')
  const scripts = Object.values(PRELUDES).flatMap((prelude) => Object.values(SCRIPTS).map((parts) => [prelude, ...parts]))
  for (const parts of scripts) {
    const sources = parts
      .map((part) => `${part}.lua`)
      .filter((file) => files.includes(file))
      .map((file) => ({ file, text: readFileSync(join(folder, file), 'utf8') }))
    for (const source of sources) lintHeader(source, (message) => report(source.file, 1, 1, message))
    lintScript(sources, report)
  }
  if (problems.size === 0) return
  console.error([...problems].join('\n'))
  process.exitCode = 1
}

/** The header of a file is its contract: callers read it instead of the code. */
function lintHeader({ text }: Source, report: (message: string) => void): void {
  const lines = text.split('\n')
  const end = lines.findIndex((line) => !line.startsWith('--'))
  const header = lines.slice(0, end < 0 ? lines.length : end)
  const names = (name: RegExp): boolean => header.some((line) => name.test(line))
  if (!/^-- Purpose: \S/.test(lines[0] ?? '')) report('the header must begin with "-- Purpose: "')
  if (!names(/^-- redis\.calls: \S/)) report('the header must have a line "-- redis.calls: "')
  const isState = names(/^-- State: \S/)
  const needed: readonly (readonly [name: string, line: RegExp])[] = isState
    ? [
        ['Limit', /^-- Limit: \S/],
        ['Receipt', /^-- Receipt: \S/],
      ]
    : [
        ['KEYS', /^-- .*\bKEYS\b.*: \S/],
        ['ARGV', /^-- .*\bARGV\b.*: \S/],
        ['Reply', /^-- .*\breply\b.*: \S/i],
      ]
  for (const [name, line] of needed) if (!names(line)) report(`the header must have a line "-- ${name}: "`)
}

/** Parses the parts as one script, since a part sees the locals of the parts before it. A line number then finds its part. */
function lintScript(sources: readonly Source[], report: Report): void {
  const starts: number[] = []
  let lines = 0
  for (const { text } of sources) {
    starts.push(lines)
    lines += text.split('\n').length
  }
  const where = (line: number): readonly [file: string, line: number] => {
    const i = starts.findLastIndex((start) => start < line)
    return [sources[i]?.file ?? '', line - (starts[i] ?? 0)]
  }
  let tree: Node
  try {
    tree = parse(sources.map(({ text }) => text).join('\n'), { luaVersion: '5.1', scope: true, locations: true, comments: false })
  } catch (error) {
    const { line, column, message } = error as { readonly line: number; readonly column: number; readonly message: string }
    report(...where(line), column + 1, message.replace(/^\[\d+:\d+\] /, ''))
    return
  }
  visit(tree, (node) => {
    const { line, column } = node.loc.start
    for (const message of violations(node)) report(...where(line), column + 1, message)
  })
}

function visit(node: Node, see: (node: Node) => void): void {
  see(node)
  for (const [field, value] of Object.entries(node)) {
    // The parser lists the global identifiers again under `globals`.
    if (field === 'globals' || field === 'loc') continue
    for (const child of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (typeof child === 'object' && child !== null && 'type' in child) visit(child as Node, see)
    }
  }
}

function* violations(node: Node): Generator<string> {
  if (node.type === 'Identifier' && node['isLocal'] === false) {
    if (node['name'] === 'tostring') yield 'tostring writes 1700000000123456 as 1.7000000001235e+15: use string.format with %.0f'
    else if (!GIVEN.has(node['name'] as string))
      yield `"${String(node['name'])}" is neither a local nor a global that Redis gives a script: declare it as a local`
  }
  if (node.type === 'AssignmentStatement')
    for (const target of node['variables'] as Node[]) {
      const name = rootOf(target)
      if (name['isLocal'] === false)
        yield `"${String(name['name'])}" is assigned and global: Redis refuses new globals, and scripts share the old ones`
    }
  if (node.type === 'FunctionDeclaration' && node['identifier'] !== null) {
    const name = rootOf(node['identifier'] as Node)
    if (name['isLocal'] === false) yield `function "${String(name['name'])}" is global: make it local`
  }
  if (node.type === 'BinaryExpression') {
    if (node['operator'] === '..') yield '.. writes 1700000000123456 as 1.7000000001235e+15: use string.format with %.0f'
  }
  if (node.type === 'CallExpression' || node.type === 'StringCallExpression' || node.type === 'TableCallExpression') yield* calls(node)
  // The rules below know these functions by name only.
  if (node.type === 'LocalStatement' || node.type === 'AssignmentStatement')
    for (const value of node['init'] as Node[])
      if (isRedisCall(value) || isNamed(value, 'redis') || isNamed(value, 'unpack'))
        yield `${nameOf(value)} must be called by its own name, since these rules do not follow other names`
}

function* calls(node: Node): Generator<string> {
  const base = node['base'] as Node
  const args = (node['arguments'] ?? [node['argument']]) as Node[]
  const [first] = args
  if (nameOf(base) === 'redis.call') {
    const command = commandOf(first)
    if (command === undefined || !READS.has(command))
      yield `redis.call(${command ?? '…'}) ends the script if it fails, and leaves a batch half charged: use redis.pcall`
  }
  if (nameOf(base) === 'unpack' && args.length < 3 && (first === undefined || !isNamed(first, 'KEYS')))
    yield 'unpack fails for more values than the Lua stack holds: use it only of KEYS, which are bounded, or with a first and a last index'
}

function isRedisCall(node: Node): boolean {
  return /^redis\.p?call$/.test(nameOf(node))
}

function isNamed(node: Node, name: string): boolean {
  return node.type === 'Identifier' && node['name'] === name && node['isLocal'] === false
}

/** The name as written for `a.b.c`, `a['b']` and `a`; '' for anything else. */
function nameOf(node: Node): string {
  if (node.type === 'Identifier') return node['name'] as string
  if (node.type === 'MemberExpression') return `${nameOf(node['base'] as Node)}.${(node['identifier'] as Node)['name'] as string}`
  if (node.type === 'IndexExpression') return `${nameOf(node['base'] as Node)}.${commandOf(node['index'] as Node)?.toLowerCase() ?? '…'}`
  return ''
}

/** The `a` of `a.b[c]`. */
function rootOf(node: Node): Node {
  return node.type === 'MemberExpression' || node.type === 'IndexExpression' ? rootOf(node['base'] as Node) : node
}

/** The text of a string literal in capitals. luaparse gives its source only, since `encodingMode` is not set. */
function commandOf(node: Node | undefined): string | undefined {
  return node?.type === 'StringLiteral' ? (node['raw'] as string).replace(/^(\[=*\[|['"])|(\]=*\]|['"])$/g, '').toUpperCase() : undefined
}
