// For authors of schemas, so that all packages read data by the same parts and say the same words about what is wrong.

// The parts of a schema.
export { described, like, listOf, object, opt, record, type Schema, text, titled, whole } from './schema-parts.ts'

// A document, with the description of each field.
export { documentSchema } from './schema.ts'

// The forms of names and texts, with the words for them.
export { FIELD, METHOD, NAMESPACE, QUALIFIED, TOKEN } from './schema-parts.ts'

// What is wrong with a value, and where.
export { findingsOf } from './schema-findings.ts'
export { type Finding, type Path, pathText } from './problems.ts'
