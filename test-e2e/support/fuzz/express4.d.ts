// The alias of Express 4; what the tests touch has the types of 5.
declare module 'express4' {
  export { default } from 'express'
}
