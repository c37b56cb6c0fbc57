// Makes sure that Prometheus, promtool and Alertmanager are there for the tests of deploy/prometheus, also by itself:
// `node scripts/prometheus.ts`. Root on a system with apt gets them installed. Everybody else gets the command to type, and the tests fail
// with the same command.
import { installPackages, mayInstall } from './apt.ts'

const PROGRAMS = ['prometheus', 'promtool', 'prometheus-alertmanager'] as const
const VARIABLES = ['SLUICE_PROMETHEUS', 'SLUICE_PROMTOOL', 'SLUICE_ALERTMANAGER'] as const

export async function ensurePrometheus(): Promise<void> {
  const missing = await problem()
  if (missing === undefined) return
  // A variable names a program. If that program does not run, another one would hide the mistake.
  if (!VARIABLES.some((name) => process.env[name]) && mayInstall()) {
    console.log('Installing prometheus and prometheus-alertmanager for the tests (once)…')
    const services = ['prometheus', 'prometheus-node-exporter', 'prometheus-alertmanager']
    const output = installPackages(['prometheus', 'prometheus-alertmanager'], services)
    if ((await problem()) === undefined) return
    console.log(output)
  }
  console.log(missing)
}

/** By the module with which the tests find them. It is imported by URL, since the scripts are another project to the compiler. */
async function problem(): Promise<string | undefined> {
  const { href } = new URL('../packages/testing/src/prometheus/binary.ts', import.meta.url)
  const { prometheusBinary } = (await import(href)) as { readonly prometheusBinary: (name: string) => string }
  try {
    for (const name of PROGRAMS) prometheusBinary(name)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

if (import.meta.main) await ensurePrometheus()
