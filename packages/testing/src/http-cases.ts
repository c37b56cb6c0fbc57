import type { HttpCase } from './http-case.ts'
import { headerCases } from './http-cases-headers.ts'
import { optionCases } from './http-cases-options.ts'
import { proxyCases } from './http-cases-proxies.ts'
import { refusalCases } from './http-cases-refusals.ts'
import { requestCases } from './http-cases-requests.ts'
import { settlingCases } from './http-cases-settling.ts'
import { stackCases } from './http-cases-stacks.ts'
import { storeCases } from './http-cases-stores.ts'
import { streamCases } from './http-cases-streams.ts'
import { subjectCases } from './http-cases-subjects.ts'

/** Every case of httpConformance(), the same for every framework and store. */
export const httpCases: readonly HttpCase[] = [
  ...headerCases,
  ...refusalCases,
  ...requestCases,
  ...streamCases,
  ...stackCases,
  ...optionCases,
  ...settlingCases,
  ...subjectCases,
  ...proxyCases,
  ...storeCases,
]
