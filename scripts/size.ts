// The size budget: how much code each published package adds to an application. `npm run size` prints a table and fails where a
// package is above its budget in size-budget.json. `--write` sets every budget to today's size and 10 % more; `--write core redis` only these.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { packageNames } from './packages.ts'
import { ROOT } from './steps.ts'

/** Room for a fix or a small feature. A larger change raises the budget in its own commit, where a reviewer sees it. */
const HEADROOM = 1.1
const BUDGETS = join(import.meta.dirname, 'size-budget.json')

interface Manifest {
  readonly name: string
  readonly private?: boolean
  readonly exports: Readonly<Record<string, string | { readonly source: string }>>
}

const sizes = new Map<string, number>()
for (const folder of packageNames()) {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'packages', folder, 'package.json'), 'utf8')) as Manifest
  if (manifest.private !== true) sizes.set(manifest.name, await sizeOf(join(ROOT, 'packages', folder), manifest))
}
const budgets = JSON.parse(readFileSync(BUDGETS, 'utf8')) as Record<string, number>
const { values, positionals } = parseArgs({ options: { write: { type: 'boolean' } }, allowPositionals: true })
if (values.write) {
  const chosen = positionals.length === 0 ? [...sizes.keys()] : positionals.map((name) => `@sluice/${name.replace(/^@sluice\//, '')}`)
  for (const name of chosen) {
    const size = sizes.get(name)
    if (size === undefined) throw new Error(`There is no published package "${name}".`)
    budgets[name] = Math.ceil((size * HEADROOM) / 100) * 100
  }
  const sorted = Object.entries(budgets)
    .filter(([name]) => sizes.has(name))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
  writeFileSync(BUDGETS, `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`)
}
const above: string[] = []
for (const [name, size] of sizes) {
  const budget = budgets[name] ?? 0
  console.log(`${name.padEnd(20)} ${String(size).padStart(7)} of ${String(budget).padStart(7)} bytes`)
  if (size > budget) above.push(name)
}
if (above.length > 0) {
  const names = above.map((name) => name.replace('@sluice/', '')).join(' ')
  console.error(
    `\nAbove the size budget: ${above.join(', ')}. Look for a new import or for code that is written twice. ` +
      `If the code is worth its size, run  npm run size -- --write ${names}  and commit scripts/size-budget.json.`,
  )
  process.exitCode = 1
}

/** Bytes of all public entries, minified and compressed by gzip. Code that two entries share counts once; other packages do not count. */
async function sizeOf(folder: string, { exports }: Manifest): Promise<number> {
  const sources = Object.values(exports).flatMap((target) => (typeof target === 'string' ? [] : [join(folder, target.source)]))
  const { outputFiles } = await build({
    entryPoints: sources,
    bundle: true,
    packages: 'external',
    splitting: true,
    format: 'esm',
    minify: true,
    outdir: 'out',
    write: false,
    logLevel: 'error',
  })
  return outputFiles.reduce((sum, { contents }) => sum + gzipSync(contents, { level: 9 }).length, 0)
}
