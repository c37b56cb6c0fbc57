// Written by scripts/package-fields.ts from the address of the repository.
/** The page with a section for each code. Every message ends with it. */
export const ERRORS_PAGE = 'docs/errors.md'
