// The results of the simulation, for a terminal and for docs/scale.md.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../workspace.ts'
import { ceilingOf } from './bounds.ts'
import type { Result } from './simulate.ts'
import type { Scenario } from './scenario.ts'

export interface Row {
  readonly scenario: Scenario
  readonly result: Result
}

const PAGE = join(ROOT, 'docs', 'scale.md')
const [BEGIN, END] = ['<!-- simulation: made by `npm run simulate -- --write` -->', '<!-- /simulation -->']

export function cellsOf({ scenario, result }: Row): Readonly<Record<string, string>> {
  const { admitted, alone, decisions, excess, failed, local, reached } = result
  const part = (units: number): string => `${((100 * units) / decisions).toFixed(1)} %`
  return {
    instances: String(scenario.instances),
    decisions: String(decisions),
    locally: part(local),
    'commands to the store': part(reached),
    'without an answer': part(failed),
    admitted: String(admitted),
    'by one process': String(alone),
    M: scenario.layers.leases === false ? '–' : String(ceilingOf(scenario.limit, scenario.layers.leases)),
    'paused, killed, set': scenario.disturbances === undefined ? '–' : [result.pauses, result.kills, result.steps].join(', '),
    excess: String(excess),
  }
}

/** Why a row fails: units above the bound, or fewer units than one process admits, beyond M and the decisions without an answer. */
export function problemOf({ scenario, result }: Row): string | undefined {
  if (result.excess > 0) return `${scenario.name}: ${result.excess} units above the bound`
  const { layers, limit, subjects } = scenario
  const missing = result.alone - result.admitted - result.failed
  // With many subjects, each may be short by its own M.
  if (subjects > 1 || missing <= (layers.leases === false ? 0 : ceilingOf(limit, layers.leases))) return undefined
  return `${scenario.name}: ${missing} units fewer than one process admits`
}

export function write(rows: readonly Row[], seed: number): void {
  const page = readFileSync(PAGE, 'utf8')
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (from < 0 || to < from) throw new Error(`${PAGE}: expected the markers ${BEGIN} and ${END}`)
  const columns = Object.keys(cellsOf(rows[0] as Row))
  const lines = rows.map((row) => `| ${row.scenario.name} | ${Object.values(cellsOf(row)).join(' | ')} |`)
  const table = [`| scenario | ${columns.join(' | ')} |`, `|---|${columns.map(() => '---:').join('|')}|`, ...lines].join('\n')
  writeFileSync(PAGE, `${page.slice(0, from + BEGIN.length)}\nSeed ${seed}.\n\n${table}\n${page.slice(to)}`)
}
