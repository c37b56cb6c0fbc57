import type { HttpCase } from '../case.ts'
import { abortCases } from './aborts.ts'
import { blockListCases } from './block-list.ts'
import { calendarCases } from './calendars.ts'
import { delayCases } from './delays.ts'
import { blockCases } from './blocks.ts'
import { factCases } from './facts.ts'
import { headerCases } from './headers.ts'
import { limiterCallCases } from './limiter-calls.ts'
import { numberCases } from './numbers.ts'
import { optionCases } from './options.ts'
import { policyCases } from './policies.ts'
import { policyBlockCases } from './policy-blocks.ts'
import { policyShadowCases } from './policy-shadows.ts'
import { proxyCases } from './proxies.ts'
import { refusalCases } from './refusals.ts'
import { requestCases } from './requests.ts'
import { routeCases } from './routes.ts'
import { settlingCases } from './settling.ts'
import { stackCases } from './stacks.ts'
import { storeCases } from './stores.ts'
import { streamCases } from './streams.ts'
import { subjectCases } from './subjects.ts'

/** Every case of httpConformance(), the same for every framework and store. */
export const httpCases: readonly HttpCase[] = [
  ...headerCases,
  ...refusalCases,
  ...blockCases,
  ...blockListCases,
  ...requestCases,
  ...streamCases,
  ...abortCases,
  ...delayCases,
  ...calendarCases,
  ...stackCases,
  ...optionCases,
  ...numberCases,
  ...settlingCases,
  ...subjectCases,
  ...limiterCallCases,
  ...factCases,
  ...routeCases,
  ...proxyCases,
  ...storeCases,
  ...policyCases,
  ...policyShadowCases,
  ...policyBlockCases,
]
