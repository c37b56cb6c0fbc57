/**
 * Limits that are data, which `rateLimit` obeys: what `policyFeed` and `documentPolicies` of `@sluice/policies` return. They may change while
 * requests are decided.
 */
export interface RequestPolicies {
  /**
   * Called once for each `rateLimit`, with its host and its options. Returns what decides its requests: a `PolicyPipeline` of
   * '@sluice/core/adapter-kit', which core does not import, so that no other bundle has it.
   */
  pipeline(host: never, options: never): object
}
