import { SluiceError } from '@sluice/core'
import { createPipeline, type Host, type Pipeline, quoted } from '@sluice/core/adapter-kit'
import { type PolicyDocument, type PolicyFeed, policyFeed } from '@sluice/policies'
import { defaultSource, describe, EVERYTHING } from './default-document.ts'
import type { Settings } from './options.ts'

/** The request that a check describes. */
export type DescribedRequest = NonNullable<PolicyDocument['tests']>[number]['request']

/** A check: the request that it describes, and what it takes. */
export interface Check {
  readonly request: DescribedRequest
  /** Units of the limits whose cost the document does not say. */
  readonly cost: number
}

/** What decides: the policies of all namespaces over one store. All parts of the service share it. */
export class Service {
  readonly settings: Settings
  readonly feed: PolicyFeed
  private readonly pipelines = new Map<string, Pipeline<Check, unknown>>()
  private readonly isDefault: boolean

  private constructor(settings: Settings, feed: PolicyFeed) {
    this.settings = settings
    this.feed = feed
    this.isDefault = settings.policies === undefined
  }

  /** @throws ERR_POLICY_UNAVAILABLE if the source has no document */
  static async start(settings: Settings): Promise<Service> {
    const { store, policies = defaultSource() } = settings
    return new Service(settings, await policyFeed({ source: policies, store }))
  }

  /**
   * Decides the checks of one namespace, with the headers for the client.
   * @throws ERR_NAMESPACE_UNKNOWN
   */
  pipelineOf(name: string | undefined): Pipeline<Check, unknown> {
    const namespace = this.namespaceOf(name)
    let pipeline = this.pipelines.get(namespace)
    if (pipeline === undefined) {
      pipeline = createPipeline(CHECK_HOST, {
        policies: this.feed.of(namespace),
        attributes: ({ request }) => this.attributesOf(request),
        cost: ({ cost }) => cost,
      })
      this.pipelines.set(namespace, pipeline)
    }
    return pipeline
  }

  /** @throws ERR_NAMESPACE_UNKNOWN if the service has no such namespace; without a name, if it has several */
  namespaceOf(name: string | undefined): string {
    const { namespaces } = this.feed
    const [only = '', ...others] = namespaces
    if (this.isDefault || (name === undefined && others.length === 0)) return only
    if (name !== undefined && namespaces.includes(name)) return name
    const got = name === undefined ? 'none' : quoted(name)
    throw new SluiceError('ERR_NAMESPACE_UNKNOWN', `namespace: expected one of ${namespaces.map(quoted).join(', ')}, got ${got}`)
  }

  async close(): Promise<void> {
    await this.feed.close()
  }

  private attributesOf({ attributes = {} }: DescribedRequest): Readonly<Record<string, unknown>> {
    return this.isDefault ? { ...attributes, [EVERYTHING]: describe(attributes) } : attributes
  }
}

/** How core reads a request that is data. */
const CHECK_HOST: Host<Check> = {
  id: (check) => check,
  method: ({ request: { method = 'GET' } }) => method,
  target: ({ request: { path } }) => path,
  address: ({ request: { ip } }) => ip,
  // Who asks says what the address of the client is.
  trust: () => 'some',
  header: ({ request: { host, headers } }, name) => (name === 'host' && host !== undefined ? host : headerOf(headers, name)),
  route: ({ request: { route } }) => route ?? '',
  body: ({ request: { body } }) => body,
}

function headerOf(headers: DescribedRequest['headers'], name: string): string | undefined {
  return Object.entries(headers ?? {}).find(([key]) => key.toLowerCase() === name)?.[1]
}
