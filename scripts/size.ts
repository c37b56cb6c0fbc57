// The size budget: how much code each published package adds to an application. `node scripts/size.ts` prints a table and fails where a
// package is above its budget in size-budget.json. `--write` sets every budget to today's size and 10 % more.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
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
for (const folder of readdirSync(join(ROOT, 'packages')).toSorted()) {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'packages', folder, 'package.json'), 'utf8')) as Manifest
  if (manifest.private !== true) sizes.set(manifest.name, await sizeOf(join(ROOT, 'packages', folder), manifest))
}
if (process.argv.includes('--write')) {
  const budgets = Array.from(sizes, ([name, size]) => [name, Math.ceil((size * HEADROOM) / 100) * 100])
  writeFileSync(BUDGETS, `${JSON.stringify(Object.fromEntries(budgets), null, 2)}\n`)
}
const budgets = JSON.parse(readFileSync(BUDGETS, 'utf8')) as Readonly<Record<string, number>>
const above: string[] = []
for (const [name, size] of sizes) {
  const budget = budgets[name] ?? 0
  console.log(`${name.padEnd(20)} ${String(size).padStart(7)} of ${String(budget).padStart(7)} bytes`)
  if (size > budget) above.push(name)
}
if (above.length > 0) {
  console.error(
    `\nAbove the size budget: ${above.join(', ')}. Look for a new import or for code that is written twice. ` +
      'If the code is worth its size, run  node scripts/size.ts --write  and commit scripts/size-budget.json.',
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
