// The alias of Koa 2; what the tests touch has the types of 3.
declare module 'koa2' {
  export { default } from 'koa'
}
