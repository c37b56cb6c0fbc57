// Types for the part of luaparse that lint-lua.ts uses. The package has none.
declare module 'luaparse' {
  export interface Node {
    readonly type: string
    readonly loc: { readonly start: { readonly line: number; readonly column: number } }
    readonly [field: string]: unknown
  }
  export function parse(source: string, options: object): Node
}
