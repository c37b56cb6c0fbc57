import type { Reader } from '../wire/reader.ts'
import type { Writer } from '../wire/writer.ts'

/** Writes the message of an answer. */
export type Write = (writer: Writer) => void

/** One kind of request: reads its message, and answers it. @throws StatusError, and the errors of the checks */
export type Ask = (reader: Reader) => Promise<Write>
