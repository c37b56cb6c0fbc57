// Makes sure that Prometheus, promtool and Alertmanager are there for the tests of deploy/prometheus, also by itself:
// `node scripts/prometheus.ts`. Root on a system with apt gets them installed. Everybody else gets the command to type, and the tests fail
// with the same command.
import { ensureInstalled, type Needed, problemOf } from './apt.ts'

const PROGRAMS = ['prometheus', 'promtool', 'prometheus-alertmanager']
const NEEDED: Needed = {
  packages: ['prometheus', 'prometheus-alertmanager'],
  services: ['prometheus', 'prometheus-node-exporter', 'prometheus-alertmanager'],
  variables: ['SLUICE_PROMETHEUS', 'SLUICE_PROMTOOL', 'SLUICE_ALERTMANAGER'],
}

export function ensurePrometheus(): Promise<void> {
  return ensureInstalled(NEEDED, async () => {
    const problems = await Promise.all(PROGRAMS.map((name) => problemOf('prometheus/binary.ts', 'prometheusBinary', name)))
    return problems.find((problem) => problem !== undefined)
  })
}

if (import.meta.main) await ensurePrometheus()
