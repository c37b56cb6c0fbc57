// Several contenders of memory.ts in one process: `memory-shared-process.ts <subjects> <rounds> <ms> <contender>…` sends the samples of each
// to its parent.
import { runRounds } from '../measure/rounds.ts'
import { uniform } from '../measure/subjects.ts'
import { memoryContender } from './memory-contenders.ts'

const [count, rounds, ms, ...names] = process.argv.slice(2)
const subjects = uniform(Number(count))
const contenders = names.map((name) => ({ name, turn: memoryContender(name, subjects) }))
for (const { turn } of contenders) await turn('visit all')
process.send?.((await runRounds(contenders, { isQuick: false, rounds: Number(rounds), ms: Number(ms) })).toJSON())
