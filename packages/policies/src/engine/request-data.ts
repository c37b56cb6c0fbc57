import type { Cost } from '@sluice/core'
import { invalid, knownOptions, type PolicyView } from '@sluice/core/adapter-kit'
import type { TestRequest } from '../document.ts'

/** The options of `check`. */
export interface CheckOptions {
  /** Units of the limits whose cost the document does not say: a number, or an object of them by limit. Default: 1. */
  readonly cost?: Cost<string> | undefined
}

/** @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN */
export function checkRequest(request: TestRequest, options: CheckOptions): void {
  const known = ['method', 'path', 'host', 'ip', 'route', 'headers', 'body', 'attributes']
  knownOptions('policies: check: request', request, known)
  if (typeof request.path !== 'string') throw invalid('policies: check: path', "a path such as '/login'", request.path)
  knownOptions('policies: check', options, ['cost'])
}

/** How a request is read that is data. */
export const REQUEST_VIEW: PolicyView<TestRequest> = {
  method: ({ method = 'GET' }) => method,
  target: ({ path }) => path,
  host: ({ host, headers }) => host ?? headerOf(headers, 'host'),
  address: ({ ip }) => ip,
  // The application says who the client is.
  isForwarded: () => false,
  header: ({ headers }, name) => headerOf(headers, name),
  route: ({ route }) => route ?? '',
  body: ({ body }) => body,
  attributes: ({ attributes = {} }) => attributes,
}

function headerOf(headers: TestRequest['headers'], name: string): string | undefined {
  const found = Object.entries(headers ?? {}).find(([key]) => key.toLowerCase() === name)
  return found?.[1]
}
