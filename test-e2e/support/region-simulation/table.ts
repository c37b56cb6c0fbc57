// The results of the simulation of regions, for a terminal and for docs/scale.md.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../workspace.ts'
import type { RegionScenario } from './scenario.ts'
import type { RegionResult } from './simulate.ts'

export interface Row {
  readonly scenario: RegionScenario
  readonly result: RegionResult
}

const PAGE = join(ROOT, 'docs', 'scale.md')

function perSecond(number: number, { seconds }: RegionResult): string {
  const rate = number / seconds
  return rate.toFixed(rate < 10 ? 1 : 0)
}

function percent(part: number): string {
  return `${(100 * part).toFixed(1)} %`
}

/** What the exchange costs: of one region, if the column does not say otherwise. */
export function costCells({ scenario: { regions }, result }: Row): Readonly<Record<string, string>> {
  const { active, applies, bytes, collects, decisions, messages, records, seconds } = result
  return {
    'decisions a second': perSecond(decisions / regions, result),
    'active subjects, all regions': String(active),
    'messages sent a second': perSecond(messages / regions, result),
    'kB sent a second': perSecond(bytes / regions / 1_000, result),
    'records a second for an active subject, all regions': active === 0 ? '–' : (records / active / seconds).toFixed(2),
    'bytes of a record': records === 0 ? '–' : (bytes / records).toFixed(0),
    'collects a second': perSecond(collects / regions, result),
    'applies a second': perSecond(applies / regions, result),
  }
}

/** By how much the regions exceed a limit together. */
export function errorCells({ result: { excess } }: Row): Readonly<Record<string, string>> {
  return {
    'subjects over their limit': String(excess.subjects),
    'mean error': percent(excess.mean),
    'worst error': percent(excess.worst),
    'bound of the worst': percent(excess.bound),
  }
}

/** Why a row fails: an admission above the bound, or more records than the interval allows. */
export function problemOf({ scenario, result }: Row): string | undefined {
  const { active, excess, records, seconds } = result
  if (excess.violations > 0) return `${scenario.name}: ${excess.violations} admissions above the bound`
  // A region publishes a subject twice an interval, and for each hundredth of the limit that it admits.
  const most = active * scenario.regions * (2_000 / scenario.interval + 100 / seconds)
  if (records / seconds > most) return `${scenario.name}: ${records} records in ${seconds} s, at most ${most} a second were expected`
  return undefined
}

export function write(rows: readonly Row[], seed: number): void {
  const [costs, errors] = [rows.filter(({ scenario }) => scenario.isEachAsked), rows.filter(({ scenario }) => !scenario.isEachAsked)]
  const tables = [`Seed ${seed}.`, table(costs, costCells), table(errors, errorCells)].join('\n\n')
  const page = readFileSync(PAGE, 'utf8')
  const [begin, end] = ['<!-- regions: made by `npm run simulate:regions -- --write` -->', '<!-- /regions -->']
  const [from, to] = [page.indexOf(begin), page.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`${PAGE}: expected the markers ${begin} and ${end}`)
  writeFileSync(PAGE, `${page.slice(0, from + begin.length)}\n${tables}\n${page.slice(to)}`)
}

function table(rows: readonly Row[], cellsOf: (row: Row) => Readonly<Record<string, string>>): string {
  const columns = Object.keys(cellsOf(rows[0] as Row))
  const lines = rows.map((row) => `| ${row.scenario.name} | ${Object.values(cellsOf(row)).join(' | ')} |`)
  return [`| scenario | ${columns.join(' | ')} |`, `|---|${columns.map(() => '---:').join('|')}|`, ...lines].join('\n')
}
