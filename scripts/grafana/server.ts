import { dashboard, number, series } from './panels.ts'

const RATE = '[$__rate_interval]'

export default dashboard('sluice-server', 'Sluice: the check service', 'Does the service answer, how fast, and what does it turn away?', [
  number({
    title: 'Requests',
    description: 'Answers a second, over HTTP and gRPC.',
    unit: 'reqps',
    queries: [[`sum by (protocol) (rate(sluice_server_requests_total${RATE}))`, '{{protocol}}']],
  }),
  number({
    title: 'Failed',
    description: 'The share of answers that say that the service failed. A refusal is no failure. Alert SluiceServerErrors.',
    unit: 'percentunit',
    queries: [
      [
        `(sum(rate(sluice_server_requests_total{status=~"5..|INTERNAL|UNAVAILABLE|UNKNOWN"}${RATE})) or vector(0)) / sum(rate(sluice_server_requests_total${RATE}))`,
        'failed',
      ],
    ],
  }),
  number({
    title: 'In flight',
    description: 'Requests that are not answered yet.',
    unit: 'short',
    queries: [['sum(sluice_server_requests_in_flight)', 'requests']],
  }),
  number({
    title: 'Workers',
    description: 'Processes behind each address that is scraped; one without --workers. Alert SluiceServerWorkersMissing.',
    unit: 'short',
    queries: [['sum(sluice_server_workers)', 'workers']],
  }),
  series({
    title: 'Answers by endpoint',
    description: 'Who asks: gateways at /auth, Envoy by gRPC, programs at /v1.',
    unit: 'reqps',
    queries: [[`topk(10, sum by (protocol, endpoint) (rate(sluice_server_requests_total${RATE})))`, '{{protocol}} {{endpoint}}']],
  }),
  series({
    title: 'Time of an answer, p99',
    description: 'Envoy gives up after 20 ms by default, and then admits. Alert SluiceServerSlow.',
    unit: 's',
    queries: [
      [
        `histogram_quantile(0.99, sum by (protocol, endpoint, le) (rate(sluice_server_request_duration_seconds_bucket{endpoint!~"/admin/.*|none"}${RATE})))`,
        '{{protocol}} {{endpoint}}',
      ],
    ],
  }),
  series({
    title: 'Connections',
    description: 'Each process takes 10,000. One more is closed at once.',
    unit: 'short',
    queries: [['sum by (protocol) (sluice_server_connections)', '{{protocol}}']],
  }),
  series({
    title: 'Connections refused',
    description: 'There were as many as there may be. Alert SluiceServerConnectionsRefused.',
    unit: 'short',
    queries: [[`sum by (protocol) (increase(sluice_server_connections_refused_total${RATE}))`, '{{protocol}}']],
  }),
  series({
    title: 'Limits that Envoy cannot hold',
    description: 'They were not asked, since only the end of a request could correct or free them. Alert SluiceServerLimitsSkipped.',
    unit: 'reqps',
    queries: [[`sum by (namespace, limit) (rate(sluice_server_limits_skipped_total${RATE}))`, '{{namespace}} {{limit}}']],
  }),
])
