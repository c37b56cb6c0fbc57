/** Whether faults last longer, as in `npm run test:all` and `npm run test:faults`. */
export const isFull: boolean = process.env['SLUICE_FAULTS'] === 'full'
