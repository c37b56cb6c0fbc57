import type { RateLimitOptions, RefusalInfo } from '@sluice/core'
import { invalid, knownOptions } from '@sluice/core/adapter-kit'
import type { Env } from 'hono'
import type { Message } from './message.ts'

/** The options of `rateLimit` that need no response. */
const SHARED = [
  'name',
  'limiter',
  'limit',
  'window',
  'limits',
  'tiers',
  'tier',
  'key',
  'cost',
  'skip',
  'store',
  'mode',
  'failMode',
  'on',
  'trustProxy',
  'forwardedHeader',
  'ipv6Prefix',
  'missing',
  'strict',
  'message',
  'handler',
] as const

/** The options of `messageLimit`: those of `rateLimit` that need no response. Functions get a `Message`, not the context. */
export interface MessageLimitOptions<E extends Env = any> extends Omit<
  Pick<RateLimitOptions<Message<E>>, (typeof SHARED)[number]>,
  'handler'
> {
  /** The connection is closed after this many refused messages in a row: a whole number, at least 1. Default: it is never closed. */
  readonly closeAfter?: number | undefined
  /** Answers each refused message. Replaces `message`. Default: sends `message`, or a problem document, once per wait. */
  readonly handler?: ((message: Message<E>, info: RefusalInfo) => unknown) | undefined
}

/** The options of core's pipeline, separate from the one that only messages have. */
export interface SplitMessageOptions {
  /** How many messages refused in a row close the connection; `Infinity`: none does. */
  readonly closeAfter: number
  /** The options of core's pipeline. */
  readonly pipelineOptions: Omit<MessageLimitOptions, 'closeAfter'>
}

/** @throws ERR_OPTION_UNKNOWN; ERR_OPTION_INVALID for `closeAfter` */
export function splitMessageOptions(options: MessageLimitOptions): SplitMessageOptions {
  knownOptions('messageLimit', options, [...SHARED, 'closeAfter'])
  const { closeAfter = Infinity, ...pipelineOptions } = options
  if (closeAfter !== Infinity && !(Number.isSafeInteger(closeAfter) && closeAfter >= 1))
    throw invalid('messageLimit: closeAfter', 'a whole number, at least 1', closeAfter)
  return { closeAfter, pipelineOptions }
}
