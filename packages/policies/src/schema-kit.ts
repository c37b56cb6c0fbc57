// For authors of schemas, so that all packages read data by the same parts and say the same words about what is wrong.

// The parts of a schema.
export { described, instant, like, listOf, object, opt, record, type Schema, text, titled, whole } from './schema-parts.ts'

// A document, with the description of each field.
export { documentSchema } from './schema.ts'

// The forms of names and texts, with the words for them.
export { DURATION, FIELD, METHOD, NAMESPACE, QUALIFIED, TOKEN } from './schema-parts.ts'

// What is wrong with a value, and where.
export { findingsOf } from './schema-findings.ts'
export { type Finding, type Path, pathText, type Problem } from './problems.ts'

// A text in YAML or JSON, read by a schema.
export { readYaml, type ReadYaml } from './parse.ts'
