import { timeText } from '../blocks/block-text.ts'
import type { Command } from '../command.ts'
import { table } from '../terminal/terminal.ts'
import { readRegions, REGION_OPTIONS, WHERE } from './read-regions.ts'

export const regionsShares: Command = {
  name: 'regions shares',
  summary: 'show how regions divide the limits of mode strict',
  synopsis: '[--redis URL]',
  operands: [0, 0],
  description: [
    'Shows the tables of shares that a region has promised to keep. From its time on, a region uses no more than any table that it has promised. It uses more than under the table before only when every region has promised the new one.',
    'Without a table, every region has an equal share. A table is given by the option shares of regions().',
    WHERE,
  ],
  options: REGION_OPTIONS,
  exits: ['Every table is promised by every region, or there is none.', 'A region has not promised a table yet.'],
  examples: [['sluice regions shares --redis redis://redis.eu:6379', 'See whether every region has promised the new table.']],
  async run(invocation) {
    const { isJson, print, printJson, paint } = invocation
    const { self, all, readAt, shares } = await readRegions('regions shares', invocation)
    const rows = shares.map((one) => ({ ...one, missing: all.filter((region) => !one.promisedBy.includes(region)) }))
    if (isJson) printJson({ self, all, readAt, shares: rows })
    else if (rows.length === 0) print(`no table of shares: each of ${all.join(', ')} has an equal share`)
    else {
      const cells = rows.map(({ version, from, of, missing }) => [
        version,
        `${timeText(from)} UTC`,
        all.map((region) => `${region} ${percent(of[region] ?? 0)}`).join(', '),
        missing.length === 0 ? 'all' : `not yet: ${missing.join(', ')}`,
      ])
      const [head = '', ...lines] = table(['version', 'from', 'shares', 'promised by'], cells).split('\n')
      print([paint('dim', head), ...lines.map((line, i) => (rows[i]?.missing.length === 0 ? line : paint('yellow', line)))].join('\n'))
    }
    return rows.every(({ missing }) => missing.length === 0) ? 0 : 1
  },
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(2))} %`
}
