import { SluiceError } from '@sluice/core'

/** What is wrong with a part of a request. */
export interface RequestProblem {
  /** Such as `[3].cost`; empty for the whole. */
  readonly path: string
  /** What was expected, and what came. It never contains a credential. */
  readonly message: string
}

type RequestCode = 'ERR_CHECK_INVALID' | 'ERR_REQUEST_INVALID' | 'ERR_DECISION_INVALID' | 'ERR_NAMESPACE_UNKNOWN'

/** The error of a request that cannot be understood. */
export class RequestError extends SluiceError {
  /** At least one. */
  readonly problems: readonly RequestProblem[]

  constructor(problems: readonly RequestProblem[], code: RequestCode = 'ERR_REQUEST_INVALID') {
    super(code, problems.slice(0, MAX_SHOWN).map(lineOf).join('; '))
    this.problems = problems.slice(0, MAX_PROBLEMS)
  }
}

const MAX_SHOWN = 3
const MAX_PROBLEMS = 100

function lineOf({ path, message }: RequestProblem): string {
  return path === '' ? message : `${path}: ${message}`
}
