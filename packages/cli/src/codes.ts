/** Every code that this package adds to those of `@sluice/core`. Each has a section of its name in docs/errors.md. */
export const CLI_CODES = [
  // A command line that cannot be understood.
  'ERR_COMMAND_INVALID',
  // A file, a URL or a text that cannot be read or written.
  'ERR_COMMAND_FAILED',
] as const

declare module '@sluice/core' {
  interface CodeRegistry {
    readonly cli: (typeof CLI_CODES)[number]
  }
}
