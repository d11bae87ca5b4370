import type { Database, Transaction } from '#store/database.ts'
import { sql } from '#store/sql.ts'

/** Where a user can be told. */
export interface Contact {
  id: string
  userId: string
  channel: string
  address: string
  scopedId: string | null
  state: 'active' | 'suspended'
}

export type NoticeState = 'queued' | 'sent' | 'delivered' | 'shown' | 'failed' | 'cancelled'

/** One telling of one request on one channel. */
export interface Notice {
  id: string
  requestId: string
  clientId: string
  userId: string
  contactId: string
  channel: string
  state: NoticeState
  externalId: string | null
  failure: string | null
  expiresAt: number
}

export const insertContact = (
  tx: Transaction,
  each: Omit<Contact, 'scopedId' | 'state'> & { createdAt: number },
) =>
  tx.one<{ id: string }>(sql`
    insert into contacts (id, user_id, channel, address, state, created_at)
    values (${each.id}, ${each.userId}, ${each.channel}, ${each.address}, 'active', ${each.createdAt})
    on conflict do nothing
    returning id`)

export const contactsOfUser = (db: Database, userId: string) =>
  db.read<Contact>(sql`
    select id, user_id, channel, address, scoped_id, state from contacts where user_id = ${userId} order by id`)

export const activeContacts = (tx: Transaction, userId: string) =>
  tx.all<Contact>(sql`
    select id, user_id, channel, address, scoped_id, state
      from contacts where user_id = ${userId} and state = 'active' order by id`)

export const contactById = (tx: Transaction, id: string) =>
  tx.one<Contact>(sql`select id, user_id, channel, address, scoped_id, state from contacts where id = ${id}`)

export const contactByAddress = (tx: Transaction, channel: string, address: string) =>
  tx.one<Contact>(sql`
    select id, user_id, channel, address, scoped_id, state
      from contacts where channel = ${channel} and address = ${address}`)

export const contactByScopedId = (tx: Transaction, channel: string, scopedId: string) =>
  tx.one<Contact>(sql`
    select id, user_id, channel, address, scoped_id, state
      from contacts where channel = ${channel} and scoped_id = ${scopedId}`)

export const setContactState = (tx: Transaction, id: string, state: Contact['state']) =>
  tx.run(sql`update contacts set state = ${state} where id = ${id}`)

/** Learns the messenger's own id of a user; once learned it is not overwritten. */
export const learnScopedId = (tx: Transaction, id: string, scopedId: string) =>
  tx.run(sql`update contacts set scoped_id = ${scopedId} where id = ${id} and scoped_id is null`)

export const insertNotice = (
  tx: Transaction,
  each: Omit<Notice, 'state' | 'externalId' | 'failure'> & { createdAt: number },
) =>
  tx.run(sql`
    insert into notices (id, request_id, client_id, user_id, contact_id, channel, state, expires_at, created_at, updated_at)
    values (${each.id}, ${each.requestId}, ${each.clientId}, ${each.userId}, ${each.contactId}, ${each.channel},
            'queued', ${each.expiresAt}, ${each.createdAt}, ${each.createdAt})`)

export const noticeById = (tx: Transaction, id: string) =>
  tx.one<Notice>(sql`
    select id, request_id, client_id, user_id, contact_id, channel, state, external_id, failure, expires_at
      from notices where id = ${id} /* for update */`)

export const noticeByExternalId = (tx: Transaction, channel: string, externalId: string) =>
  tx.one<Notice>(sql`
    select id, request_id, client_id, user_id, contact_id, channel, state, external_id, failure, expires_at
      from notices where channel = ${channel} and external_id = ${externalId}`)

export const setNoticeState = (
  tx: Transaction,
  id: string,
  state: NoticeState,
  failure: string | null,
  now: number,
) =>
  tx.run(sql`update notices set state = ${state}, failure = ${failure}, updated_at = ${now} where id = ${id}`)

export const noteExternalId = (tx: Transaction, id: string, externalId: string) =>
  tx.run(sql`update notices set external_id = ${externalId} where id = ${id}`)

/** Calls off what was not sent yet. */
export const cancelNotices = (tx: Transaction, requestId: string, now: number) =>
  tx.all<{ id: string }>(sql`
    update notices set state = 'cancelled', updated_at = ${now}
     where request_id = ${requestId} and state = 'queued'
    returning id`)
