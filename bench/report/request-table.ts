import type { Rounds } from '../measure/rounds.ts'
import type { Table } from './report.ts'

/** What requests cost while something listens. @param otherOf the contender beside which another one is shown, where nobody listens */
export function requestTable(rounds: Rounds, otherOf: (name: string) => string): Table {
  return {
    columns: ['contender', 'requests/s', 'of nobody', 'lower quartile', 'CPU µs, lower quartile'],
    rows: rounds.names.map((name) => {
      const other = otherOf(name)
      return [name, Math.round(rounds.median(name)), rounds.ratio(name, other), rounds.lowerQuartile(name, other), rounds.lowerCpu(name)]
    }),
  }
}
