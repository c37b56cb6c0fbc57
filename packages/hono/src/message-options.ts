import type { Cost, Decision, MaybePromise, RateLimitOptions, RefusalInfo, ResponseInfo } from '@sluice/core'
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
  'blockList',
  'strict',
  'message',
  'handler',
] as const

/** How the handling of a message ended. */
export interface MessageEnd {
  /** What `onMessage` returned, or what its promise resolved to. */
  readonly result: unknown
  /** What `onMessage` threw or rejected with; `undefined` if it did neither. */
  readonly error: unknown
}

/** What is known when `onMessage` has ended: the second argument of `refundWhen` and `settle`. */
export interface MessageEndInfo extends MessageEnd {
  readonly decision: Decision
}

/** The options of `messageLimit`: those of `rateLimit` that need no response. Functions get a `Message`, not the context. */
export interface MessageLimitOptions<E extends Env = any> extends Omit<
  Pick<RateLimitOptions<Message<E>>, (typeof SHARED)[number]>,
  'handler'
> {
  /** The connection is closed after this many refused messages in a row: a whole number, at least 1. Default: it is never closed. */
  readonly closeAfter?: number | undefined
  /**
   * Called when `onMessage`, or its promise, has ended. Return true to give back the units of the message: `(_, { error }) => error !==
   * undefined` does not count messages that failed. Default: nothing is given back.
   */
  readonly refundWhen?: ((message: Message<E>, info: MessageEndInfo) => MaybePromise<boolean>) | undefined
  /**
   * Called when `onMessage`, or its promise, has ended. Return the units that the message really took, as for `cost`: the difference is
   * given back or charged. Not called after a refund by `refundWhen`. Default: the charge stands.
   */
  readonly settle?: ((message: Message<E>, info: MessageEndInfo) => MaybePromise<Cost<string>>) | undefined
  /** Answers each refused message. Replaces `message`. Default: sends `message`, or a problem document, once per wait. */
  readonly handler?: ((message: Message<E>, info: RefusalInfo) => unknown) | undefined
}

/** The options of core's pipeline, separate from the one that only messages have. */
export interface SplitMessageOptions {
  /** How many messages refused in a row close the connection; `Infinity`: none does. */
  readonly closeAfter: number
  /** The options of core's pipeline. */
  readonly pipelineOptions: RateLimitOptions<Message, MessageEnd>
}

/** @throws ERR_OPTION_UNKNOWN; ERR_OPTION_INVALID for `closeAfter` */
export function splitMessageOptions(options: MessageLimitOptions): SplitMessageOptions {
  knownOptions('messageLimit', options, [...SHARED, 'closeAfter', 'refundWhen', 'settle'])
  const { closeAfter = Infinity, refundWhen, settle, ...shared } = options
  if (closeAfter !== Infinity && !(Number.isSafeInteger(closeAfter) && closeAfter >= 1))
    throw invalid('messageLimit: closeAfter', 'a whole number, at least 1', closeAfter)
  const pipelineOptions = { ...(shared as RateLimitOptions<Message, MessageEnd>), refundWhen: atEnd(refundWhen), settle: atEnd(settle) }
  return { closeAfter, pipelineOptions }
}

type AtEnd<T> = (message: Message, info: Pick<ResponseInfo<MessageEnd>, 'decision' | 'response'>) => T

/** Passes on how a message ended in place of a response. What is no function is refused by the pipeline. */
function atEnd<T>(option: ((message: Message, info: MessageEndInfo) => T) | undefined): AtEnd<T> | undefined {
  if (typeof option !== 'function') return option
  return (message, { decision, response }) => option(message, { decision, ...response })
}
