// Writes the table of metrics into docs/telemetry.md, from the table in @sluice/telemetry. `npm run generate` writes. `--check` writes nothing
// and fails where the page differs.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Instrument, INSTRUMENTS } from '../packages/telemetry/src/metrics/instruments.ts'

const FILE = 'docs/telemetry.md'
const COMMAND = 'npm run generate'
const BEGIN = `<!-- metrics: written by  ${COMMAND} -->\n`
const END = '<!-- end of metrics -->'

const path = join(import.meta.dirname, '..', FILE)
const page = readFileSync(path, 'utf8')
const [before, rest] = page.split(BEGIN)
const [, after] = rest?.split(END) ?? []
if (before === undefined || after === undefined) throw new Error(`${FILE} has no lines ${BEGIN.trim()} and ${END}`)
const text = `${before}${BEGIN}${table()}${END}${after}`
if (text !== page) {
  if (process.argv.includes('--check')) {
    console.error(`The table of metrics in ${FILE} is not what scripts/metrics-reference.ts writes. Run  ${COMMAND}`)
    process.exitCode = 1
  } else writeFileSync(path, text)
}

function table(): string {
  const rows = INSTRUMENTS.map((each) => `| \`${each.name}\` | ${each.kind} | ${labelsOf(each)} | ${each.help}${bucketsOf(each)} |\n`)
  return `| metric | kind | labels | what it says |\n|---|---|---|---|\n${rows.join('')}`
}

function labelsOf({ labels }: Instrument): string {
  return labels.map((label) => `\`${label}\``).join(', ') || 'none'
}

function bucketsOf({ buckets }: Instrument): string {
  return buckets === undefined ? '' : ` Buckets: ${buckets.join(', ')}`
}
