// Markdown that is also legible in a terminal.
import { formatNumber } from './format.ts'
import { type Bar, isReached, type Report, type Table } from './report.ts'

export function markdown(report: Report): string {
  return [...report.tables.map((each) => table(each)), ...(report.bars.length === 0 ? [] : [bars(report.bars)])].join('\n\n')
}

function bars(of: readonly Bar[]): string {
  return table({
    columns: ['bar', 'wanted', 'got', ''],
    rows: of.map((bar) => [
      bar.what,
      `${bar.must === 'at least' ? '≥' : '≤'} ${formatNumber(bar.bar)}${unit(bar)}`,
      `${formatNumber(bar.got)}${unit(bar)}`,
      isReached(bar) ? 'reached' : `missed by ${Math.round(Math.abs(1 - bar.got / bar.bar) * 100)} %`,
    ]),
  })
}

function unit(bar: Bar): string {
  return bar.unit === undefined ? '' : ` ${bar.unit}`
}

function table({ title, columns, rows }: Table): string {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === 'number' ? formatNumber(cell) : cell)))
  const widths = columns.map((column, i) => Math.max(3, column.length, ...cells.map((row) => (row[i] ?? '').length)))
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, i) => (isNumber(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join(' | ')} |`
  const isNumber = (i: number) =>
    i > 0 && rows.every((row) => typeof row[i] !== 'string' || /^[−\-≥≤<]?\s?[\d.,]/.test(row[i]) || row[i] === '–')
  const rule = `|${widths.map((width, i) => `${'-'.repeat(width + 1)}${isNumber(i) ? ':' : '-'}`).join('|')}|`
  return [...(title === undefined ? [] : [`**${title}**`, '']), line(columns), rule, ...cells.map(line)].join('\n')
}
