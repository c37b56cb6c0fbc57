// The part of luaparse that is used; it has no types of its own.
declare module 'luaparse' {
  export interface Node {
    readonly type: string
    readonly loc: { readonly start: { readonly line: number; readonly column: number } }
    readonly [field: string]: unknown
  }
  export function parse(source: string, options: object): Node
}
