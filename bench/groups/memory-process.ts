// One contender of memory.ts and subjects.ts: `memory-process.ts <contender> <subjects>`. It has a process of its own, since the compiler
// would shape shared code for all contenders at once.
import { answerParent, type Order } from '../measure/process.ts'
import { uniform } from '../measure/subjects.ts'
import { memoryContender } from './memory-contenders.ts'

const [name = '', count = ''] = process.argv.slice(2)
const obey = memoryContender(name, uniform(Number(count)))
answerParent((message) => obey(message as Order))
