/** A value as DynamoDB has it: one field, whose name is the type. */
export type AttributeValue = Readonly<Record<string, unknown>>

/** The plain value. `undefined` for bytes, which no column of a client has. */
function plainValue(value: AttributeValue): unknown {
  const [[type, content] = ['', undefined]] = Object.entries(value)
  switch (type) {
    case 'S':
    case 'BOOL':
      return content
    case 'N':
      return numberOf(String(content))
    case 'NULL':
      return null
    case 'SS':
      return content
    case 'NS':
      return (content as readonly string[]).map(numberOf)
    case 'L':
      return (content as readonly AttributeValue[]).map(plainValue)
    case 'M':
      return plainItem(content as Readonly<Record<string, AttributeValue>>)
    default:
      return undefined
  }
}

export function plainItem(item: Readonly<Record<string, AttributeValue>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(item).map(([name, value]) => [name, plainValue(value)]))
}

/** A number of DynamoDB may have 38 digits. One that JavaScript does not have stays a text. */
function numberOf(text: string): number | string {
  const number = Number(text)
  return Number.isInteger(number) && !Number.isSafeInteger(number) ? text : number
}
