import { installedProgram } from '../processes/installed-program.ts'

/** Where another program may be named. */
const VARIABLES = {
  prometheus: 'SLUICE_PROMETHEUS',
  promtool: 'SLUICE_PROMTOOL',
  'prometheus-alertmanager': 'SLUICE_ALERTMANAGER',
} as const

export type Program = keyof typeof VARIABLES

/** The path of a program: what its variable names, else the one on PATH. @throws with how to install it */
export function prometheusBinary(name: Program): string {
  const [apt, brew] = ['prometheus prometheus-alertmanager', 'prometheus alertmanager']
  return installedProgram({ name, variable: VARIABLES[name], apt, brew })
}
