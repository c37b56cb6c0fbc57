/** Columns of text, the numbers on the right. */
export function table(rows: readonly (readonly (string | number)[])[]): string {
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => String(row[i] ?? '').length))) ?? []
  const line = (row: readonly (string | number)[]): string =>
    row.map((cell, i) => (i === 0 ? String(cell).padEnd(widths[i] ?? 0) : String(cell).padStart(widths[i] ?? 0))).join('  ')
  return rows.map(line).join('\n')
}

export function column(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
