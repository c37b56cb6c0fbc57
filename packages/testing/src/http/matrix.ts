/// <reference types="node" />

type Result = 'pass' | 'FAIL' | '–'
type Column = Map<string, Result>

// One column for each call of httpConformance() in a test file. The matrix is printed when the last call has run.
const columns = new Map<string, Column>()
let running = 0

/** Adds a column. Call `end` when all its cases have run. */
export function matrixColumn(name: string): { readonly set: (row: string, result: Result) => void; readonly end: () => void } {
  if (columns.has(name)) throw new Error(`httpConformance: expected a unique name for each call in a test file, got "${name}" twice`)
  const column: Column = new Map()
  columns.set(name, column)
  running += 1
  return {
    set: (row, result) => column.set(row, result),
    end() {
      running -= 1
      if (running === 0) process.stdout.write(matrix())
    },
  }
}

/** Rows are cases, columns are calls. `–` is a case that the framework does not support, `·` a case that has not run. */
function matrix(): string {
  const names = [...columns.keys()]
  const rows = [...new Set([...columns.values()].flatMap((column) => [...column.keys()]))]
  const width = Math.max(4, ...rows.map((row) => row.length))
  const line = (label: string, cells: readonly string[]) =>
    `${label.padEnd(width)}  ${cells.map((cell, i) => cell.padEnd(names[i]?.length ?? 0)).join('  ')}`.trimEnd()
  const counts = [...columns.values()].map((column) => {
    const results = [...column.values()]
    const passed = results.filter((result) => result === 'pass').length
    return `${passed}/${results.filter((result) => result !== '–').length}`
  })
  const body = rows.map((row) =>
    line(
      row,
      [...columns.values()].map((column) => column.get(row) ?? '·'),
    ),
  )
  return `\n${[line('case', names), ...body, line('passed', counts)].join('\n')}\n\n`
}
