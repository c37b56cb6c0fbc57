import type { Command, CommandOption, Invocation } from '../command.ts'
import { numberOption } from '../numbers.ts'
import { PREFIX, REDIS } from '../redis/redis-option.ts'
import { usageError } from '../terminal/terminal.ts'
import { answerView, type CheckAnswer } from './answer-view.ts'
import { ask, refusedBy } from './ask.ts'
import { withOwnService } from './in-process.ts'
import { type CheckBody, checkBody, REQUEST_OPTIONS } from './request-options.ts'
import { serviceUrl, URL_OPTION } from './service-url.ts'

const POLICIES: CommandOption = {
  name: 'policies',
  value: 'FILE',
  means: 'Ask this document in place of a service. Counts are in memory, or in Redis with --redis.',
}
const OPERANDS_MEAN =
  'What is known of the request stands as name=value: user_id=ada. name:=JSON is a value that is no text, such as admin:=true. Header:value is a header, such as X-Api-Key:abc.'
const WHERE = [POLICIES, { ...REDIS, means: `With --policies: where requests are counted. ${REDIS.means}` }, PREFIX]

export const check: Command = {
  name: 'check',
  summary: 'ask whether a request is admitted, and charge it',
  synopsis: '[name=value…] [--url URL] [--path PATH] [--ip ADDRESS]',
  operands: [0, 64],
  description: [
    'Asks a service to decide one request, as a gateway does, and prints the verdict and each limit. The request is charged.',
    OPERANDS_MEAN,
    'With --policies, no service is needed: the document decides as a service would. --times shows when a limit begins to refuse.',
  ],
  options: [
    URL_OPTION,
    ...REQUEST_OPTIONS,
    {
      name: 'times',
      value: 'NUMBER',
      means: 'Ask so many times, 1 to 1,000, and print the first refusal, else the last answer. Default: 1.',
    },
    ...WHERE,
  ],
  exits: ['The request is admitted.', 'It is refused, once at least.'],
  examples: [
    ['sluice check user_id=ada', 'Ask the service on this machine.'],
    [
      'sluice check --policies sluice.yaml --path /login --method POST --ip 203.0.113.7 --times 6',
      'See how a document treats the sixth login.',
    ],
    ['sluice check X-Api-Key:abc --url https://limits.internal --json', 'Ask another service about a header, for a script.'],
  ],
  run: (invocation) => asked('check', invocation),
}

export const peek: Command = {
  name: 'peek',
  summary: 'ask whether a request would be admitted, and charge nothing',
  synopsis: '[name=value…] [--url URL] [--path PATH] [--ip ADDRESS]',
  operands: [0, 64],
  description: ['Asks as sluice check does, and takes nothing: no count changes.', OPERANDS_MEAN],
  options: [URL_OPTION, ...REQUEST_OPTIONS, ...WHERE],
  exits: ['The request would be admitted.', 'It would be refused.'],
  examples: [
    ['sluice peek user_id=ada', 'See what a user has left.'],
    ['sluice peek user_id=ada --policies sluice.yaml --redis redis://localhost:6379', 'The same without a service.'],
  ],
  run: (invocation) => asked('peek', invocation),
}

async function asked(command: 'check' | 'peek', invocation: Invocation): Promise<number> {
  const body = checkBody(command, invocation)
  const times = numberOption(command, invocation, 'times', [1, 1_000]) ?? 1
  const policies = invocation.option('policies')
  if (policies !== undefined && invocation.option('url') !== undefined)
    throw usageError(`sluice ${command}: --policies and --url exclude each other: a document or a service decides`)
  if (policies === undefined && invocation.option('redis') !== undefined)
    throw usageError(`sluice ${command}: --redis needs --policies; a service has a store of its own`)
  const answers = await answersOf(
    command,
    invocation,
    Array.from({ length: times }, () => body),
  )
  return report(invocation, answers)
}

async function answersOf(command: 'check' | 'peek', invocation: Invocation, checks: readonly CheckBody[]): Promise<readonly CheckAnswer[]> {
  const policies = invocation.option('policies')
  const answered = (url: string): Promise<readonly CheckAnswer[]> => answersFrom(`${url}/v1/${command}`, checks, invocation)
  if (policies !== undefined) return await withOwnService(command, invocation, policies, answered)
  return await answered(serviceUrl(command, invocation))
}

async function answersFrom(url: string, checks: readonly CheckBody[], { io }: Invocation): Promise<readonly CheckAnswer[]> {
  const answered = await ask(url, { method: 'POST', body: checks, token: io.env['SLUICE_TOKEN'] })
  if (answered.status !== 200 || !Array.isArray(answered.value)) throw refusedBy(url, answered)
  return answered.value as readonly CheckAnswer[]
}

function report({ isJson, print, printJson, paint }: Invocation, answers: readonly CheckAnswer[]): number {
  const [only] = answers
  const refused = answers.findIndex(({ allowed }) => !allowed)
  const shown = (refused < 0 ? answers.at(-1) : answers[refused]) as CheckAnswer
  if (isJson) printJson(answers.length === 1 ? only : answers)
  else {
    print(answerView(shown, paint))
    if (answers.length > 1) print(`\n${countsOf(answers, refused)}`)
  }
  return refused < 0 ? 0 : 1
}

function countsOf(answers: readonly CheckAnswer[], refused: number): string {
  const admitted = answers.filter(({ allowed }) => allowed).length
  const first = refused < 0 ? '' : `; the first refusal is number ${refused + 1}`
  return `${admitted} of ${answers.length} requests are admitted${first}`
}
