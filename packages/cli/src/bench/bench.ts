import type { Command, Invocation } from '../command.ts'
import { numberOption } from '../numbers.ts'
import { addressOf, REDIS, redisOf } from '../redis/redis-option.ts'
import { serviceUrl, URL_OPTION } from '../service/service-url.ts'
import { failed, table, usageError } from '../terminal/terminal.ts'
import { type Measured, measured, outcomeOf } from './load.ts'
import { BENCH_PREFIX, type OpenTarget, redisTarget, serviceTarget } from './targets.ts'

export const bench: Command = {
  name: 'bench',
  summary: 'measure how many decisions a service or a Redis makes, and how fast',
  synopsis: '[--url URL | --redis URL] [--seconds NUMBER]',
  operands: [0, 0],
  description: [
    'Asks for decisions as fast as they are answered, and prints how many a second, how many were refused, and how long they took. It ends by itself, after the time or the count.',
    `With --url or alone, it sends GET /check to a service, whose limits are charged for the user_id bench-0, bench-1 and so on. With --redis, it decides by a store under the prefix ${BENCH_PREFIX}, with 100 requests a minute for each subject; these keys expire within two minutes.`,
    'One process makes the load and shares the machine with what it measures. The numbers compare settings; they are not the most that a fleet can do.',
    'It asks only this machine. --yes measures another one, which must be meant: real clients wait meanwhile.',
  ],
  options: [
    URL_OPTION,
    { ...REDIS, means: 'Measure a store on this server, and not a service. In a Cluster, one node.' },
    { name: 'seconds', value: 'NUMBER', means: 'How long, 1 to 60. Default: 5.' },
    { name: 'count', value: 'NUMBER', means: 'At most so many requests, 1 to 1,000,000. Default: 1,000,000.' },
    { name: 'at-once', value: 'NUMBER', means: 'How many requests are under way at a time, 1 to 1,000. Default: 32.' },
    { name: 'subjects', value: 'NUMBER', means: 'Of how many clients, 1 to 1,000,000. Default: 1,000.' },
    { name: 'yes', short: 'y', means: 'Measure also another machine than this one.' },
  ],
  exits: ['Every request was answered.', 'Some were not answered.'],
  examples: [
    ['sluice bench', 'Measure the service on this machine.'],
    ['sluice bench --redis redis://localhost:6379 --seconds 10 --at-once 64', 'Measure a Redis.'],
  ],
  async run(invocation) {
    const options = optionsOf(invocation)
    const place = placeOf(invocation, options)
    const { name } = place
    const target = await place.open()
    try {
      // A place that cannot be reached is a wrong command line, and not a result.
      const first = await outcomeOf(target.ask, 0)
      if (typeof first !== 'string') throw failed(`${name} cannot be measured: ${first.problem}`)
      const progress = progressOn(invocation)
      const result = await measured({ target: target.ask, ...options, progress: progress.show })
      progress.end()
      report(invocation, name, options, result)
      return result.errors === 0 ? 0 : 1
    } finally {
      await target.close()
    }
  },
}

interface Options {
  readonly time: number
  readonly count: number
  readonly atOnce: number
  readonly subjects: number
}

/** @throws ERR_COMMAND_INVALID */
function optionsOf(invocation: Invocation): Options {
  const number = (name: string, most: number, byDefault: number): number => numberOption('bench', invocation, name, [1, most]) ?? byDefault
  return {
    time: 1_000 * number('seconds', 60, 5),
    count: number('count', 1_000_000, 1_000_000),
    atOnce: number('at-once', 1_000, 32),
    subjects: number('subjects', 1_000_000, 1_000),
  }
}

interface Place {
  readonly name: string
  open(): Promise<OpenTarget>
}

/** REDIS_URL alone names no place, since it is often set for other commands. @throws ERR_COMMAND_INVALID */
function placeOf(invocation: Invocation, { subjects, atOnce }: Options): Place {
  const { option, io } = invocation
  if (option('redis') === undefined) {
    const url = serviceUrl('bench', invocation)
    checkMeant(invocation, url)
    return { name: url, open: async () => serviceTarget(url, subjects, atOnce, io.env['SLUICE_TOKEN']) }
  }
  if (option('url') !== undefined) throw usageError('sluice bench: --redis and --url exclude each other: a store or a service is measured')
  const { name, url } = addressOf('bench', invocation)
  checkMeant(invocation, url)
  return { name, open: async () => redisTarget(await redisOf('bench', invocation), subjects) }
}

/** @throws ERR_COMMAND_INVALID for another machine without --yes */
function checkMeant({ has }: Invocation, url: string): void {
  const { hostname } = new URL(url)
  if (has('yes') || hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname)) return
  throw usageError(`sluice bench: ${hostname} is another machine, whose clients would wait; add --yes if it is meant`)
}

function progressOn({ io }: Invocation): { readonly show: (requests: number, ms: number) => void; readonly end: () => void } {
  const isTty = io.err.isTTY === true
  return {
    show(requests, ms) {
      const text = `${(ms / 1_000).toFixed(1)} s, ${requests.toLocaleString('en')} requests, ${perSecond(requests, ms)} a second`
      if (isTty) io.err.write(`\r${text}\u001B[K`)
    },
    end: () => void (isTty && io.err.write('\r\u001B[K')),
  }
}

function perSecond(requests: number, ms: number): string {
  return Math.round((1_000 * requests) / Math.max(1, ms)).toLocaleString('en')
}

function report({ isJson, print, printJson, paint, io }: Invocation, name: string, { atOnce, subjects }: Options, result: Measured): void {
  const { ms, counts, errors, problem, times } = result
  const at = (share: number): number => Number((times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? 0).toFixed(3))
  const latency = { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) }
  const answered = times.length
  if (isJson) {
    const rate = Math.round((1_000 * answered) / Math.max(1, ms))
    return printJson({
      target: name,
      seconds: ms / 1_000,
      atOnce,
      subjects,
      answered,
      perSecond: rate,
      ...counts,
      errors,
      latencyMs: latency,
    })
  }
  const share = (part: number): string => `${answered === 0 ? 0 : Number(((100 * part) / answered).toPrecision(3))} %`
  print(paint('bold', `${name}: ${(ms / 1_000).toFixed(1)} s, ${atOnce} at once, ${subjects.toLocaleString('en')} subjects`))
  print(`${answered.toLocaleString('en')} decisions, ${paint('bold', `${perSecond(answered, ms)} a second`)}`)
  const rows = Object.entries(counts).map(([verdict, count]) => [verdict, count, share(count)])
  print(`\n${table(['verdict', 'decisions', 'share'], [...rows, ['no answer', errors, '']])}`)
  print(
    `\n${table(
      ['latency', 'ms'],
      Object.entries(latency).map(([title, value]) => [title, value.toFixed(2).padStart(9)]),
    )}`,
  )
  if (problem !== undefined) io.err.write(`sluice: the first request without an answer: ${problem}\n`)
}
