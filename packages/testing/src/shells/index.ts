// Entry `@sluice/testing/shells`: shells that are not on every machine.
import { installedProgram } from '../processes/installed-program.ts'

/** The path of the shell: SLUICE_ZSH or SLUICE_FISH, else the one on PATH. @throws with how to install it */
export function shellBinary(name: string): string {
  return installedProgram({ name, variable: `SLUICE_${name.toUpperCase()}`, apt: name, brew: name })
}
