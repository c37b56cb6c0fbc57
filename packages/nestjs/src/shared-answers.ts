import type { ExecutionContext } from '@nestjs/common'
import { decisionOf, setDecision } from './call-state.ts'
import type { RoutePipeline } from './routes.ts'

interface SharedAnswer {
  readonly first: ExecutionContext
  readonly answer: Promise<boolean>
}

/** For `graphql: 'request'`: the first field of a request decides for all of its fields under the same limits. */
export class SharedAnswers {
  private readonly byRequest = new WeakMap<object, Map<RoutePipeline, SharedAnswer>>()

  once(request: object, pipeline: RoutePipeline, context: ExecutionContext, decide: () => boolean | Promise<boolean>): Promise<boolean> {
    const answers = this.byRequest.get(request) ?? new Map<RoutePipeline, SharedAnswer>()
    this.byRequest.set(request, answers)
    const known = answers.get(pipeline)
    if (known === undefined) {
      const answer = (async () => decide())()
      answers.set(pipeline, { first: context, answer })
      return answer
    }
    return known.answer.finally(() => {
      const decision = decisionOf(known.first)
      if (decision !== undefined) setDecision(context, decision)
    })
  }
}
