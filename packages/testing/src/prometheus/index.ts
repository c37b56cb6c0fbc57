// Entry `@sluice/testing/prometheus`: real servers of Prometheus and Alertmanager, which end with the test process, and promtool.

export { prometheusBinary, type Program } from './binary.ts'
export { promtool } from './promtool.ts'
export { type Alertmanager, type Prometheus, type Sample, startAlertmanager, startPrometheus, type StartPrometheus } from './server.ts'
