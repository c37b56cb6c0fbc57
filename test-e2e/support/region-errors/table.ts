// The results of `npm run measure:regions`, for a terminal and for docs/regions.md.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../workspace.ts'
import type { Measured } from './measure.ts'

const PAGE = join(ROOT, 'docs', 'regions.md')

const percent = (part: number): string => (100 * part).toFixed(part < 0.1 ? 1 : 0)

export function cellsOf({ setting, longestWay, found }: Measured): Readonly<Record<string, string>> {
  const patterns = Array.from(found, ([name, { error, bound }]) => [name, `${percent(error)} ≤ ${percent(bound)}`] as const)
  const { regions, interval, way } = setting
  return {
    n: String(regions),
    interval: `${interval / 1000} s`,
    way: `${way} ms`,
    message: `${longestWay} ms`,
    ...Object.fromEntries(patterns),
  }
}

/** Why a measurement fails: a value above its bound, or a client that was never at its limit, so that nothing was measured. */
export function problemsOf({ setting, found }: Measured): readonly string[] {
  const where = `n = ${setting.regions}, interval ${setting.interval} ms, way ${setting.way} ms`
  return Array.from(found).flatMap(([name, { admitted, error, bound }]) => {
    if (error > bound) return [`${where}, ${name}: ${percent(error)} % above the limit, and at most ${percent(bound)} % were expected`]
    return admitted < 1 ? [`${where}, ${name}: ${percent(admitted)} % of the limit were admitted, and all of it was expected`] : []
  })
}

export function tableOf(rows: readonly Measured[]): string {
  const columns = Object.keys(cellsOf(rows[0] as Measured))
  const lines = rows.map((row) => `| ${Object.values(cellsOf(row)).join(' | ')} |`)
  return [`| ${columns.join(' | ')} |`, `|${columns.map(() => '---:').join('|')}|`, ...lines].join('\n')
}

export function write(rows: readonly Measured[]): void {
  const page = readFileSync(PAGE, 'utf8')
  const [begin, end] = ['<!-- errors: made by `npm run measure:regions -- --write` -->', '<!-- /errors -->']
  const [from, to] = [page.indexOf(begin), page.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`${PAGE}: expected the markers ${begin} and ${end}`)
  writeFileSync(PAGE, `${page.slice(0, from + begin.length)}\n${tableOf(rows)}\n${page.slice(to)}`)
}
