import { type Decision, systemClock } from '@sluice/core'
import { checkDialect, type HeaderLine, refusalHeaders, renderHeaders } from '@sluice/core/adapter-kit'

const DIALECT = checkDialect({})

/** The headers of HTTP that tell a client what was decided. */
export function decisionHeaders(decision: Decision): readonly HeaderLine[] {
  if (decision.source === 'block') return refusalHeaders(decision, DIALECT)
  return renderHeaders([{ decision, shorthand: false }], DIALECT, systemClock.now())
}
