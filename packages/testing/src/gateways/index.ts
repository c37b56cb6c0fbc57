// Entry `@sluice/testing/gateways`: real gateways on the samples of deploy/, which end with the test process, even when it is killed.

export { type GatewayName } from './gateways.ts'
export { type RunningGateway, type StartGateway, startGateway } from './start.ts'
