/// <reference types="node" />

type Result = 'pass' | 'FAIL' | '–'
type Column = Map<string, Result>

// Of one test file: a column for each call of httpConformance() in it, printed when the last of them has run.
const columns = new Map<string, Column>()
let running = 0

/** Adds a column. The function returned says that all its cases have run. */
export function matrixColumn(name: string): { readonly set: (row: string, result: Result) => void; readonly end: () => void } {
  if (columns.has(name)) throw new Error(`httpConformance: expected a name of its own, got "${name}" twice`)
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

/** Case by framework and store; a dot is a case that was not run. */
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
