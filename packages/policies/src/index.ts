// The document: its types, and how it is read and checked.
export { parseCeilings, parseDocument } from './parse.ts'
export type { ParseOptions } from './parse.ts'
export { PolicyError, POLICY_CODES } from './problems.ts'
export type { Problem } from './problems.ts'
export type * from './document.ts'
export type { CeilingsDocument, CeilingSpec, RateSpec } from './ceilings.ts'

// What a document answers, without a server: its own tests, and requests of the past.
export { Evaluator } from './evaluate.ts'
export type { AskedLimit, Verdict } from './evaluate.ts'
export { runTests } from './run-tests.ts'
export type { TestResult } from './run-tests.ts'
export { replay } from './replay/replay.ts'
export type { RefusedSubject, ReplayedLimit, ReplayOptions, ReplayReport, SmallestLimit } from './replay/replay.ts'
export type { LogFormat, LoggedRequest } from './replay/formats.ts'

// What an operator looks up: the states of a document.
export { limiterOf } from './limiter-of.ts'
export type { DocumentLimiter } from './limiter-of.ts'

// What a reviewer asks of a change: what is probably not meant, and what changes for whom.
export { lintDocument } from './review/lint.ts'
export type { LintFinding, LintOptions, LintRule } from './review/lint.ts'
export { diffDocuments } from './review/diff.ts'
export type { ChangeEffect, PolicyChange } from './review/diff.ts'

// The feed: documents that a process follows while it runs.
export { policyFeed } from './feed/feed.ts'
export type { PolicyFeed } from './feed/policy-feed.ts'
export type { FeedObservers } from './feed/observers.ts'
export type { FeedHealth, FeedOptions, InSource, LoadResult, NamespaceHealth, Origin } from './feed/options.ts'
export { documentPolicies } from './engine/document-policies.ts'
export type { DocumentOptions } from './engine/document-policies.ts'
export { correctionsOf, unitsAfterResponse } from './engine/response-corrections.ts'
export type { ResponseCorrection } from './engine/response-corrections.ts'
export type { NamespacePolicies } from './engine/namespace.ts'
export type { SubjectLimit } from './engine/subject-limits.ts'
export type { CheckOptions } from './engine/request-data.ts'
export type { JointAnswer, JointMount, JointPart } from './engine/joint-mount.ts'
export type { JointView } from './engine/joint-view.ts'
export type { JointRequest, OwnLimit } from './engine/joint-charges.ts'
export type { PolicySource, Snapshot, SourceDocument, SourceEvent, SourceSignal } from '@sluice/core/store-kit'
export { fileSource } from './sources/file-source.ts'
export type { FileSourceOptions } from './sources/file-source.ts'
export { httpSource } from './sources/http-source.ts'
export type { HttpHeaders, HttpSourceOptions } from './sources/http/options.ts'
export type { BodyReader, Fetch, FetchedResponse, FetchInit } from './sources/http/fetch.ts'

// The table of clients: what it says of a client, in memory.
export { clientDirectory } from './clients/create-directory.ts'
export type { ClientDirectory } from './clients/client-directory.ts'
export type { ClientDirectoryOptions, ClientHealth } from './clients/options.ts'
export type { ClientRow, ClientTable } from './clients/client-table.ts'
export { settingsReader } from './clients/settings.ts'
export type { ClientSettings } from './clients/settings.ts'
export { sqlTable } from './clients/sql-table.ts'
export type { Mysql2Pool, PgPool, SqlTableOptions } from './clients/sql-table.ts'
