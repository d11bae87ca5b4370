import { canonicalJson } from '#base/json.ts'
import type { Event } from './events.ts'

/** An entry of the log as one line, in its one spelling (RFC 8785). Its bytes are what is hashed and what is exported. */
export const entryLine = ({ seq, at, kind, actor, detail, address, ...of }: Event): string =>
  canonicalJson({
    seq,
    at,
    kind,
    actor,
    actor_id: of.actorId,
    detail,
    address,
    request_id: of.requestId,
    user_id: of.userId,
    client_id: of.clientId,
  })
