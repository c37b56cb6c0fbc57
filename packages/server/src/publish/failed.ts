import { SluiceError } from '@sluice/core'

/** The error of a place that cannot be read or written. */
export function failed(message: string, cause?: unknown): SluiceError {
  return new SluiceError('ERR_PUBLISH_FAILED', message, { cause })
}

const REASONS: Readonly<Partial<Record<string, string>>> = {
  ENOENT: 'there is no such file',
  EACCES: 'access is denied',
  EPERM: 'access is denied',
  EISDIR: 'it is a folder',
}

/** Why a system call failed, without the path, which the message has already. */
export function reasonOf(error: unknown): string {
  const { code = '', message } = error as { readonly code?: string; readonly message?: string }
  return REASONS[code] ?? message ?? String(error)
}
