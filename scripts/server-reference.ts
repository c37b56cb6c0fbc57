// Writes the tables of settings and of metrics into docs/server.md, from the JSON Schema of @sluice/server and from its instruments. `npm run
// generate` writes. `--check` writes nothing and fails where the page differs.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SERVER_INSTRUMENTS } from '../packages/server/src/metrics/instruments.ts'

const FILE = 'docs/server.md'
const COMMAND = 'npm run generate'
const ROOT = join(import.meta.dirname, '..')

/** The part of a JSON Schema that the code of @sluice/server makes. */
interface Node {
  readonly title?: string
  readonly description?: string
  readonly properties?: Readonly<Record<string, Node>>
  readonly required?: readonly string[]
  readonly items?: Node
}

const path = join(ROOT, FILE)
const page = readFileSync(path, 'utf8')
const text = [
  ['settings', settings()],
  ['metrics', metrics()],
].reduce((given, [name = '', table = '']) => replaced(given, name, table), page)
if (text !== page) {
  if (process.argv.includes('--check')) {
    console.error(`The tables of ${FILE} are not what scripts/server-reference.ts writes. Run  ${COMMAND}`)
    process.exitCode = 1
  } else writeFileSync(path, text)
}

function replaced(given: string, name: string, table: string): string {
  const begin = `<!-- ${name}: written by  ${COMMAND} -->\n`
  const end = `<!-- end of ${name} -->`
  const [before, rest] = given.split(begin)
  const [, after] = rest?.split(end) ?? []
  if (before === undefined || after === undefined) throw new Error(`${FILE} has no lines ${begin.trim()} and ${end}`)
  return `${before}${begin}${table}${end}${after}`
}

function settings(): string {
  const schema = JSON.parse(readFileSync(join(ROOT, 'packages/server/schema/sluice-server-v1.json'), 'utf8')) as Node
  return `| setting | default | meaning |\n|---|---|---|\n${rowsOf(schema, '').join('')}`
}

function rowsOf({ properties = {}, required = [] }: Node, above: string): readonly string[] {
  return Object.entries(properties).flatMap(([name, node]) => {
    const place = above === '' ? name : `${above}.${name}`
    if (node.properties !== undefined) return rowsOf(node, place)
    const { meaning, fallback } = splitDefault(node.description ?? '')
    const value = required.includes(name) ? 'required' : fallback
    const row = `| \`${place}\` | ${value} | ${meaning.replaceAll('|', String.raw`\|`)} |\n`
    return node.items?.properties === undefined ? [row] : [row, ...rowsOf(node.items, `${place}[]`)]
  })
}

/** The sentence `Default: …` of a description is a column of its own. */
function splitDefault(description: string): { readonly meaning: string; readonly fallback: string } {
  const found = /\s*Default: (.+)\.$/.exec(description)
  return found === null ? { meaning: description, fallback: '–' } : { meaning: description.slice(0, found.index), fallback: found[1] ?? '' }
}

function metrics(): string {
  const rows = SERVER_INSTRUMENTS.map(({ name, kind, labels, help, buckets }) => {
    const names = labels.map((label) => `\`${label}\``).join(', ') || 'none'
    return `| \`${name}\` | ${kind} | ${names} | ${help}${buckets === undefined ? '' : ` Buckets: ${buckets.join(', ')}`} |\n`
  })
  return `| metric | kind | labels | what it says |\n|---|---|---|---|\n${rows.join('')}`
}
