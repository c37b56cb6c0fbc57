import { type Decision, systemClock } from '@sluice/core'
import { checkDialect, type HeaderLine, renderHeaders } from '@sluice/core/adapter-kit'

const DIALECT = checkDialect({})

/** The headers of HTTP that tell a client what was decided. */
export function decisionHeaders(decision: Decision): readonly HeaderLine[] {
  return renderHeaders([{ decision, shorthand: false }], DIALECT, systemClock.now())
}
