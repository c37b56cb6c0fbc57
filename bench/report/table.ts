// Reports as Markdown tables, which are legible in a terminal too.
import { formatNumber } from './format.ts'
import { isReached, type Report, type Table, type Target } from './report.ts'

export function markdown(report: Report): string {
  return [...report.tables, ...(report.targets.length === 0 ? [] : [targetTable(report.targets)])].map(formatTable).join('\n\n')
}

function targetTable(targets: readonly Target[]): Table {
  return {
    columns: ['target', 'wanted', 'measured', ''],
    rows: targets.map((each) => {
      const { what, must, target, measured } = each
      const unit = each.unit === undefined ? '' : ` ${each.unit}`
      return [
        what,
        `${must === 'at least' ? '≥' : '≤'} ${formatNumber(target)}${unit}`,
        `${formatNumber(measured)}${unit}`,
        isReached(each) ? 'reached' : `missed by ${Math.round(Math.abs(1 - measured / target) * 100)} %`,
      ]
    }),
  }
}

function formatTable({ title, columns, rows }: Table): string {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === 'number' ? formatNumber(cell) : cell)))
  const widths = columns.map((column, i) => Math.max(3, column.length, ...cells.map((row) => (row[i] ?? '').length)))
  const isNumber = (i: number) =>
    i > 0 && rows.every((row) => typeof row[i] !== 'string' || /^[−\-≥≤<]?\s?[\d.,]/.test(row[i]) || row[i] === '–')
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, i) => (isNumber(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join(' | ')} |`
  const rule = `|${widths.map((width, i) => `${'-'.repeat(width + 1)}${isNumber(i) ? ':' : '-'}`).join('|')}|`
  return [...(title === undefined ? [] : [`**${title}**`, '']), line(columns), rule, ...cells.map(line)].join('\n')
}
