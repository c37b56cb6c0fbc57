import { withCode } from './errors.ts'
import { runtime } from './runtime.ts'

/** Prints a warning that no observer takes. All that Sluice writes to the console goes through here. */
export function printWarning(message: string): void {
  runtime.console?.warn(`sluice: ${message}`)
}

/** Prints a warning with its code and the page that explains it. */
export function printCoded(code: string, message: string): void {
  printWarning(withCode(message, code))
}
