// Entry `@sluice/testing/prometheus`: real servers of Prometheus and Alertmanager and a collector of OpenTelemetry, which end with the test
// process, and promtool.

export { prometheusBinary, type Program } from './binary.ts'
export { type Collector, COLLECTOR_VERSION, collectorProgram, startCollector } from './collector.ts'
export { promtool } from './promtool.ts'
export { type Alertmanager, type Prometheus, type Sample, startAlertmanager, startPrometheus, type StartPrometheus } from './server.ts'
