import { isIP, type LookupFunction } from 'node:net'
import type { buildConnector } from 'undici'
import { KnownFault } from './failures.ts'
import { isListedAddress, isListedHost, mayDial, type UrlPolicy } from './policy.ts'

type Connector = buildConnector.connector
type ConnectorOptions = Parameters<typeof buildConnector>[0]

interface GuardOptions {
  policy: UrlPolicy
  lookup: LookupFunction
  /** What opens the socket. */
  connector: (options: ConnectorOptions) => Connector
  tls: ConnectorOptions
}

/**
 * A connector that dials exactly what it checked: the addresses of a name are judged in the look-up of the very socket
 * that is opened, so a name that changes its mind gains nothing, and the socket's own word is asked at the end.
 */
export function guardedConnector({ policy, lookup, connector, tls }: GuardOptions): Connector {
  const dialler = (isListed: boolean) => {
    const isAllowed = (address: string) => mayDial(policy, isListed, address)
    return { isAllowed, connect: connector({ ...tls, lookup: checkedLookup(lookup, isAllowed) }) }
  }
  const [listed, unlisted] = [dialler(true), dialler(false)]

  return (options, callback) => {
    const host = plainHost(options.hostname)
    // A literal never reaches the resolver, so it is judged here.
    if (isIP(host) && !policy.isOpen && !isListedAddress(policy, host))
      return callback(new KnownFault('forbidden_address'), null)

    const { isAllowed, connect } = isListedHost(policy, host, options.port) ? listed : unlisted
    connect({ ...options, servername: isIP(host) ? '' : host }, (...[fault, socket]) => {
      if (fault) return callback(fault, null)
      if (!isAllowed(socket.remoteAddress ?? '')) {
        socket.destroy()
        return callback(new KnownFault('forbidden_address'), null)
      }
      callback(null, socket)
    })
  }
}

/** Fails the whole answer of the resolver if one address in it may not be dialled. */
export const checkedLookup =
  (lookup: LookupFunction, isAllowed: (address: string) => boolean): LookupFunction =>
  (hostname, options, callback) =>
    lookup(hostname, { ...options, all: true }, (fault, addresses) => {
      if (fault) return callback(fault, [])
      const all = Array.isArray(addresses) ? addresses : [{ address: addresses, family: isIP(addresses) }]
      const isBad = all.length === 0 || all.some(({ address }) => !isAllowed(address))
      if (isBad) return callback(new KnownFault('forbidden_address'), [])
      callback(null, all)
    })

/** Without the brackets of IPv6, and without the dot of a full name, which may not stand in SNI (RFC 6066 §3). */
export const plainHost = (hostname: string): string => hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
