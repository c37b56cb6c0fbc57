import { Checks } from '../../api/checks.ts'
import type { CheckInput, ReleaseInput, SettlementInput } from '../../api/contract.ts'
import type { Decisions } from '../../api/decisions.ts'
import { validated } from '../../api/operation.ts'
import { checkSchema, releaseSchema, settlementSchema } from '../../api/schemas.ts'
import { Settlements } from '../../api/settlements.ts'
import type { Service } from '../../service.ts'
import type { CallLimits } from '../transport/call-limits.ts'
import type { Methods, UnaryMethod } from '../transport/method.ts'
import { Reader } from '../wire/reader.ts'
import { Writer } from '../wire/writer.ts'
import type { Ask, Write } from './ask.ts'
import { writeCheck, writeReleased, writeSettled } from './answers.ts'
import { RequestStream } from './request-stream.ts'
import { readCheck, readRelease, readSettlement } from './requests.ts'

const PATH = '/sluice.v1.Limiter'
const writer = new Writer()

/** The checks of Sluice over gRPC. It decides as `POST /v1/…` does, by the same code and the same schemas. */
export class LimiterService {
  readonly methods: Methods
  private readonly checks: Checks
  private readonly settlements: Settlements

  constructor(service: Service, decisions: Decisions, statusOf: CallLimits['statusOf']) {
    this.checks = new Checks(service, decisions)
    this.settlements = new Settlements(service, decisions)
    const asks = {
      check: async (reader: Reader) => this.check(reader),
      peek: async (reader: Reader) => this.peek(reader),
      settle: async (reader: Reader) => this.settle(reader),
      release: async (reader: Reader) => this.release(reader),
    }
    this.methods = {
      [`${PATH}/Check`]: unary(asks.check),
      [`${PATH}/Peek`]: unary(asks.peek),
      [`${PATH}/Settle`]: unary(asks.settle),
      [`${PATH}/Release`]: unary(asks.release),
      [`${PATH}/Stream`]: { stream: (call) => new RequestStream(call, asks, statusOf) },
    }
  }

  private async check(reader: Reader): Promise<Write> {
    const [answer] = await this.checks.charge([checkIn(reader)], atRoot)
    return (to) => writeCheck(to, answer as NonNullable<typeof answer>)
  }

  private async peek(reader: Reader): Promise<Write> {
    const [answer] = await this.checks.peek([checkIn(reader)], atRoot)
    return (to) => writeCheck(to, answer as NonNullable<typeof answer>)
  }

  private async settle(reader: Reader): Promise<Write> {
    const { decision, cost, refund, response } = readSettlement(reader)
    const taken = response !== undefined ? { response } : refund !== undefined ? { refund } : { cost }
    const fields = { decision, ...taken }
    const input = validated<SettlementInput>(settlementSchema, fields, 'ERR_CHECK_INVALID')
    const [answer] = await this.settlements.settle([input], atRoot)
    return (to) => writeSettled(to, answer as NonNullable<typeof answer>)
  }

  private async release(reader: Reader): Promise<Write> {
    const input = validated<ReleaseInput>(releaseSchema, readRelease(reader), 'ERR_CHECK_INVALID')
    const [answer] = await this.settlements.release([input], atRoot)
    return (to) => writeReleased(to, answer as NonNullable<typeof answer>)
  }
}

function checkIn(reader: Reader): CheckInput {
  return validated<CheckInput>(checkSchema, readCheck(reader), 'ERR_CHECK_INVALID')
}

function atRoot(): string {
  return ''
}

function unary(ask: Ask): UnaryMethod {
  return {
    async unary(message) {
      const write = await ask(new Reader(message))
      writer.begin()
      write(writer)
      return writer.frame()
    },
  }
}
