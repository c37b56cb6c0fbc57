import { spanOf } from '../blocks/block-text.ts'
import type { Command } from '../command.ts'
import { numberOption } from '../numbers.ts'
import { plain, table } from '../terminal/terminal.ts'
import { readRegions, REGION_OPTIONS, WHERE } from './read-regions.ts'

const SECOND = 1_000

export const regionsStatus: Command = {
  name: 'regions status',
  summary: 'show which regions are heard, and how long their messages take',
  synopsis: '[--redis URL] [--silence SECONDS]',
  operands: [0, 0],
  description: [
    'Shows what a region knows of the others: when a message of each arrived last, and how long it took. A region is silent if nothing was heard of it for --silence; then the option whenSilent says what this one may admit.',
    WHERE,
  ],
  options: [
    ...REGION_OPTIONS,
    { name: 'silence', value: 'SECONDS', means: 'As the option silence of regions(), 1 to 86,400. Default: 10.' },
  ],
  exits: ['Every other region is heard.', 'A region is silent, or no process of this one has called for as long.'],
  examples: [['sluice regions status --redis redis://redis.eu:6379', 'See what eu hears of us and ap.']],
  async run(invocation) {
    const { isJson, print, printJson, paint } = invocation
    const silence = SECOND * (numberOption('regions status', invocation, 'silence', [1, 86_400]) ?? 10)
    const { self, all, readAt, listensSince, calledAt, isAsked, peers } = await readRegions('regions status', invocation)
    const isAway = readAt - calledAt > silence
    const rows = peers.map((peer) => ({
      ...peer,
      // A region that was away itself knows nothing of the silence of others.
      isSilent: readAt - Math.max(listensSince, peer.heardAt ?? 0) > silence,
    }))
    const isWell = !isAway && rows.every(({ isSilent }) => !isSilent)
    if (isJson) printJson({ self, all, readAt, listensSince, calledAt, isAsked, peers: rows })
    else {
      const called = `last call of a process ${spanOf(readAt - calledAt)} ago`
      print(`${paint('bold', plain(self))}: ${isAway ? paint('red', called) : called}`)
      print('')
      const cells = rows.map(({ region, heardAt, lag, isSilent }) => [
        region,
        heardAt === undefined ? 'never' : `${spanOf(readAt - heardAt)} ago`,
        lag === undefined ? '–' : `${lag} ms`,
        isSilent ? 'silent' : heardAt === undefined ? 'not heard yet' : 'heard',
      ])
      const [head = '', ...lines] = table(['region', 'last message', 'it took', 'state'], cells).split('\n')
      print([paint('dim', head), ...lines.map((line, i) => (rows[i]?.isSilent === true ? paint('red', line) : line))].join('\n'))
    }
    return isWell ? 0 : 1
  },
}
