// The table of docs/reliability.md, written by the run that it describes.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../workspace.ts'
import type { Row } from './measure.ts'

const PAGE = join(ROOT, 'docs', 'reliability.md')
const [BEGIN, END] = ['<!-- faults: made by `npm run test:faults -- --write` -->', '<!-- /faults -->']
const COLUMNS = ['added latency', 'failed', 'admitted of bound', 'normal after', 'memory', 'errors', 'verdicts'] as const

function markdown(rows: ReadonlyMap<string, Row>): string {
  const lines = [`| fault | ${COLUMNS.join(' | ')} |`, `|---|${COLUMNS.map(() => '---').join('|')}|`]
  for (const [name, row] of rows) lines.push(`| ${name} | ${COLUMNS.map((column) => row[column].text).join(' | ')} |`)
  return lines.join('\n')
}

export function print(rows: ReadonlyMap<string, Row>): void {
  const cells = (row: Row) => COLUMNS.map((column) => [column, `${row[column].text}${row[column].problem === undefined ? '' : ' ✗'}`])
  console.table(Object.fromEntries(Array.from(rows, ([name, row]) => [name, Object.fromEntries(cells(row)) as object])))
}

/** Writes the table, with the machine and the date, between the markers of the page. */
export function write(rows: ReadonlyMap<string, Row>, where: string): void {
  const page = readFileSync(PAGE, 'utf8')
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (from < 0 || to < from) throw new Error(`${PAGE}: expected the markers ${BEGIN} and ${END}`)
  writeFileSync(PAGE, `${page.slice(0, from + BEGIN.length)}\n${where}\n\n${markdown(rows)}\n${page.slice(to)}`)
}
