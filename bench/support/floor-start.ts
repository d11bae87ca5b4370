import Fastify from 'fastify'

/** The least that a server on Fastify can cost: one route, no store. */
const server = Fastify()
server.get('/', async () => ({ status: 'ok' }))
process.stdout.write(`Ready at ${await server.listen({ port: 0, host: '127.0.0.1' })}\n`)
process.once('SIGTERM', () => process.exit(0))
