import type { Event } from './events.ts'

/**
 * An entry of the log as one line, in its one spelling (RFC 8785). Its bytes are what is hashed and what is exported. The
 * keys stand here in order: to sort them anew for each entry was most of what sealing cost.
 */
export const entryLine = ({ seq, at, kind, actor, detail, address, ...of }: Event): string =>
  [
    `{"actor":${JSON.stringify(actor)}`,
    `"actor_id":${JSON.stringify(of.actorId)}`,
    `"address":${JSON.stringify(address)}`,
    `"at":${at}`,
    `"client_id":${JSON.stringify(of.clientId)}`,
    `"detail":${JSON.stringify(detail)}`,
    `"kind":${JSON.stringify(kind)}`,
    `"request_id":${JSON.stringify(of.requestId)}`,
    `"seq":${seq}`,
    `"user_id":${JSON.stringify(of.userId)}}`,
  ].join(',')
