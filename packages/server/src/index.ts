// The check service: `serve` starts it, as the command `sluice serve` does.
export { serve } from './serve.ts'
export type { RunningService } from './serve.ts'
export type { DrainOptions, HttpOptions, ServeOptions } from './options.ts'
export type { ServiceFeedOptions } from './feed-options.ts'
export type { ListenOptions } from './listen.ts'
export type { DecisionOptions } from './decision-options.ts'
export type { HttpLimits } from './http/limits.ts'
export type { GrpcOptions } from './grpc/options.ts'
export type { TlsOptions } from './tls.ts'

// The service as a program: a configuration, and what it names.
export { runServer } from './run/run-server.ts'
export type { ServerProcess } from './run/run-server.ts'
export type { Listened } from './run/greeting.ts'
export { configOf } from './config/config-of.ts'
export type { ConfigInput } from './config/config-of.ts'
export type * from './config/config.ts'
export { partsOf } from './config/parts.ts'
export type { ServiceParts } from './config/parts.ts'
export { printedConfig } from './config/print-config.ts'
export { SERVE_FLAGS } from './config/flags.ts'
export type { ServeFlag } from './config/flags.ts'

// The metrics of the service itself.
export { SERVER_INSTRUMENTS } from './metrics/instruments.ts'

// The admin API.
export type { AdminCertificate, AdminOptions, AdminToken } from './admin/options.ts'
export type { AuditEntry, AuditOutcome } from './admin/audit/audit-log.ts'

// Where documents are published to, as `sluice policies publish` and the admin API do.
export { policyWriter, type PolicyWriterOptions } from './publish/open-writer.ts'
export { publishConflict, publishDocument } from './publish/publish-document.ts'
export { repeatedText } from './publish/repeated-text.ts'
export type { PolicyWriter, PublishedRevision, StoredDocument, WriteAnswer } from './publish/writer.ts'

// Every code that this package adds to those of @sluice/core.
export { SERVER_CODES } from './codes.ts'
