import { readFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Log } from '#base/log.ts'
import type { Server } from './server.ts'

/** Paths of PEM files, looked at again each minute: certificates are renewed while a server runs. */
export interface TlsFiles {
  certificate: string
  key: string
  /** Authorities whose clients are believed; none of them are without. */
  ca: string | undefined
}

interface ListenerOptions {
  host: string
  port: number
  files: TlsFiles
  /** What is served there; all else is a 404. */
  isServed: (path: string) => boolean
  log: Log
}

const LOOK_MS = 60_000

/**
 * Serves some paths of a server by TLS of our own, and asks whoever comes for a certificate (RFC 8446 §4.3.2). None is
 * refused here: one that nobody has issued may still be registered (RFC 8705 §2.2).
 */
export async function listenForCertificates(
  server: Server,
  { host, port, files, isServed, log }: ListenerOptions,
): Promise<{ port: number; stop(): Promise<void> }> {
  let read = await readAll(files)
  const listener = createServer(
    { ...read, requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.2', requestTimeout: 30_000 },
    (http, reply) => {
      const [path = ''] = (http.url ?? '').split('?')
      if (isServed(path)) server.routing(http, reply)
      else reply.writeHead(404, { 'content-type': 'text/plain' }).end('Not here.\n')
    },
  )
  const look = async () => {
    const found = await readAll(files)
    if (JSON.stringify(found) === JSON.stringify(read)) return
    listener.setSecureContext({ ...found, minVersion: 'TLSv1.2' })
    read = found
  }
  const timer = setInterval(() => {
    look().catch((fault) => log.error('The certificate of the mTLS port could not be renewed.', fault))
  }, LOOK_MS)
  timer.unref()
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject)
    listener.listen(port, host, resolve)
  })

  return {
    port: (listener.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        clearInterval(timer)
        listener.close(() => resolve())
        listener.closeIdleConnections()
        setTimeout(() => listener.closeAllConnections(), CALLS_END_MS).unref()
      }),
  }
}

const CALLS_END_MS = 5_000

async function readAll({ certificate, key, ca }: TlsFiles) {
  const [cert, pem, authorities] = await Promise.all([
    readFile(certificate, 'utf8'),
    readFile(key, 'utf8'),
    ca === undefined ? [] : readFile(ca, 'utf8'),
  ])
  // No authority is not the same as all those that browsers know.
  return { cert, key: pem, ca: authorities }
}
