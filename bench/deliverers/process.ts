import type { Made, Order } from '../support/deliverer.ts'

// Usage: process.ts FILE URL PLACE, with a channel to its parent: it is told what to do, and says when it is done.
const [file = '', url = '', place = ''] = process.argv.slice(2)
const { make } = (await import(`./${file}.ts`)) as { make: (order: Order) => Promise<Made> }
const made = await make({ url, place })

process.on('message', async (message: 'drain' | { load: number }) => {
  if (message === 'drain') await made.drain()
  else await made.load(message.load)
  process.send?.('done')
})
process.once('disconnect', () => process.exit(0))
process.send?.('ready')
