import { documentPolicies, type NamespacePolicies, parseDocument, type PolicyDocument } from '@sluice/policies'
import type { AppParts, Fixture, Mount } from '../adapter.ts'

// The documents of the cases of policies, and their apps.

/** A document of the namespace `api`. `yaml`: what is in it beside its head and its subjects. */
export function documentOf(yaml: string, revision = 1): PolicyDocument {
  return parseDocument(`
apiVersion: sluice/v1
namespace: api
revision: ${revision}
subjects:
  address: { parts: [{ ip: true }] }
  client: { parts: [{ attribute: client }], missing: reject }
  maybe: { parts: [{ attribute: client }], missing: skip }
${yaml}`)
}

export function policiesOf(fixture: Fixture, yaml: string): NamespacePolicies {
  const { clock } = fixture
  return documentPolicies(documentOf(yaml), { ...fixture.observed(), clock })
}

/** One middleware of the whole app. The attributes are headers of the request. */
export function mountOf({ read }: Fixture, policies: NamespacePolicies, options: Mount = {}): Mount {
  return {
    policies,
    attributes: (context) => ({ client: read.header(context, 'x-client'), plan: read.header(context, 'x-plan') }),
    ...options,
  }
}

export function appOf(fixture: Fixture, yaml: string, parts: AppParts = {}, options: Mount = {}): AppParts {
  return { use: [mountOf(fixture, policiesOf(fixture, yaml), options)], ...parts }
}

export const MINUTE = 'name: minute, algorithm: fixedWindow, window: 1m'
/** A policy `all` with one limit. */
export function one(limit: string, more = ''): string {
  return `policies: [{ name: all, ${more} rules: [{ name: any, limits: [{ ${limit} }] }] }]`
}
