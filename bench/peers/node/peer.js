// A peer of headcount for bench.sh: fastify and ioredis, a cluster of two workers.
//
// Usage: peer.js PORT REDIS_PORT TAKE.LUA. Each worker has one connection to Redis, and what its
// requests ask in one turn of the event loop goes out together (enableAutoPipelining). A request
// is one EVALSHA. The schemas let fastify compile the writing of the bodies.
import cluster from 'node:cluster'
import { readFileSync } from 'node:fs'
import fastify from 'fastify'
import { Redis } from 'ioredis'

const [port, redisPort, script] = process.argv.slice(2)

if (cluster.isPrimary) {
  for (let worker = 0; worker < 2; worker++) cluster.fork()
  process.on('SIGTERM', () => {
    for (const worker of Object.values(cluster.workers)) worker.process.kill()
    process.exit()
  })
} else {
  await serve()
}

async function serve() {
  const redis = new Redis({ port: Number(redisPort), enableAutoPipelining: true })
  redis.defineCommand('take', { numberOfKeys: 1, lua: readFileSync(script, 'utf8') })
  const server = fastify({ logger: false, keepAliveTimeout: 75_000 })
  const properties = {
    hello: { type: 'string' },
    Go: { type: 'string' },
    request_num: { type: 'integer' },
  }
  const options = { schema: { response: { 200: { type: 'object', properties } } } }
  server.get('/', options, async (request, reply) => {
    const number = await redis.take('peer')
    reply.header('content-type', 'application/json').header('cache-control', 'no-store')
    if (number > 0) return { hello: 'world', request_num: number }
    return { Go: 'away!', request_num: -number }
  })
  await server.listen({ host: '127.0.0.1', port: Number(port), backlog: 4096 })
}
