import { documentSchema } from '@sluice/policies/schema-kit'
import { json } from '../../http/answers.ts'
import type { Endpoints } from '../endpoint.ts'

/** The form of a document, for the completion of an editor. */
export function schemaEndpoints(): Endpoints {
  let schema: Promise<object> | undefined
  return [
    {
      method: 'GET',
      path: 'schema',
      action: 'any',
      summary: 'The JSON Schema of a document.',
      handle: async () => json(200, await (schema ??= schemaOf())),
    },
  ]
}

async function schemaOf(): Promise<object> {
  // Loaded here, since few services are asked.
  const { toJsonSchema } = await import('@valibot/to-json-schema')
  // A number of a document is finite: JSON has no other.
  const schema = toJsonSchema(documentSchema, { target: 'draft-2020-12', ignoreActions: ['finite'] })
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', ...schema, title: 'Sluice policy document' }
}
