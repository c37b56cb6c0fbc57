/** Every code that this package adds to those of `@sluice/core`. Each has a section of its name in docs/errors.md. */
export const SERVER_CODES = [
  // A check names a namespace that the service does not have.
  'ERR_NAMESPACE_UNKNOWN',
  // A check that cannot be understood.
  'ERR_CHECK_INVALID',
  // Any other request that cannot be understood, one that is too large, and one whose body is not sent as JSON.
  'ERR_REQUEST_INVALID',
  'ERR_REQUEST_TOO_LARGE',
  'ERR_REQUEST_MEDIA',
  // A decision to settle or release that this service, or another one with its secret, has not made.
  'ERR_DECISION_INVALID',
  // Thrown by `serve`: it would listen beyond loopback without TLS, or its certificates cannot be used.
  'ERR_LISTEN_INSECURE',
  'ERR_TLS_INVALID',
  // Thrown for a configuration that is not valid.
  'ERR_CONFIG_INVALID',
  // A document that is not published, since another one is there.
  'ERR_PUBLISH_CONFLICT',
  // A place of documents that cannot be read or written.
  'ERR_PUBLISH_FAILED',
  // The admin API: no token, or not a valid one.
  'ERR_ADMIN_TOKEN',
  // A token without the scope.
  'ERR_ADMIN_SCOPE',
  // Too many tokens from one address that are not valid.
  'ERR_ADMIN_ATTEMPTS',
  // Too many requests of one valid token or certificate.
  'ERR_ADMIN_CALLS',
  // A request that cannot be understood, or that the service cannot do as it is configured.
  'ERR_ADMIN_REQUEST',
] as const

declare module '@sluice/core' {
  interface CodeRegistry {
    readonly server: (typeof SERVER_CODES)[number]
  }
}
