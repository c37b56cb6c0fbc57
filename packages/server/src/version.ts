// Written by scripts/package-fields.ts from package.json.
export const VERSION = '0.0.0'
