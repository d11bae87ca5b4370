import type { Database, Transaction } from '#store/database.ts'
import { sql, twin } from '#store/sql.ts'

/** Where a user can be told. */
export interface Contact {
  id: string
  userId: string
  channel: string
  address: string
  scopedId: string | null
  /** What else the channel needs to reach them, sealed by it. */
  sealed: Uint8Array | null
  /** What the user knows it by; null where the address says it. */
  label: string | null
  /** BCP 47, primary subtag: `en`, `hi`. */
  language: string | null
  /** When its user last wrote to us there, epoch milliseconds; null where they cannot, or never did. */
  heardAt: number | null
  /** `unreachable`: the channel says that nobody is there any more. `removed`: of a channel that all users have. */
  state: 'active' | 'suspended' | 'unreachable' | 'removed'
  createdAt: number
}

export type NoticeState = 'queued' | 'sent' | 'delivered' | 'shown' | 'failed' | 'cancelled'

export type Outcome = 'approved' | 'rejected' | 'expired' | 'withdrawn'

/** One telling of one request on one channel. */
export interface Notice {
  id: string
  requestId: string
  clientId: string
  userId: string
  contactId: string
  channel: string
  /** Which telling of its request, from 0: the next one waits until this one was shown, or has failed. */
  step: number
  /** What is told: that the request waits, or how one ended that was told of. */
  about: 'waiting' | 'undelivered' | Outcome
  state: NoticeState
  externalId: string | null
  failure: string | null
  expiresAt: number
}

export const insertContact = (
  tx: Transaction,
  each: Omit<Contact, 'scopedId' | 'heardAt' | 'state'> & { sessionId: string | null },
) =>
  tx.one<{ id: string }>(sql`
    insert into contacts (id, user_id, channel, address, sealed, label, language, session_id, state, created_at)
    values (${each.id}, ${each.userId}, ${each.channel}, ${each.address}, ${each.sealed}, ${each.label},
            ${each.language}, ${each.sessionId}, 'active', ${each.createdAt})
    on conflict do nothing
    returning id`)

export const contactsOfUser = (db: Database, userId: string) =>
  db.read<Contact>(sql`
    select id, user_id, channel, address, scoped_id, sealed, label, language, heard_at, state, created_at
      from contacts where user_id = ${userId} order by id`)

export const contactsInside = (tx: Transaction, userId: string) =>
  tx.all<Contact>(sql`
    select id, user_id, channel, address, scoped_id, sealed, label, language, heard_at, state, created_at
      from contacts where user_id = ${userId} order by created_at, id`)

export const activeContacts = (tx: Transaction, userId: string) =>
  tx.all<Contact>(
    sql`
      select id, user_id, channel, address, scoped_id, sealed, label, language, heard_at, state, created_at
        from contacts where user_id = ${userId} and state = 'active' order by id`,
    twin`
      select n, id, contacts.user_id, channel, address, scoped_id, sealed, label, language, heard_at, state, created_at
        from unnest($1::text[]) with ordinality as each (user_id, n)
        join contacts on contacts.user_id = each.user_id
       where state = 'active' order by n, id`,
  )

export const usersWithout = (db: Database, channel: string, limit: number) =>
  db.read<{ id: string }>(sql`
    select id from users
     where not exists (select 1 from contacts where user_id = users.id and channel = ${channel})
     order by id limit ${limit}`)

export const contactById = (tx: Transaction, id: string) =>
  tx.one<Contact>(sql`
    select id, user_id, channel, address, scoped_id, sealed, label, language, heard_at, state, created_at
      from contacts where id = ${id}`)

export const contactByAddress = (tx: Transaction, channel: string, address: string) =>
  tx.one<Contact>(sql`
    select id, user_id, channel, address, scoped_id, sealed, label, language, heard_at, state, created_at
      from contacts where channel = ${channel} and address = ${address}`)

export const contactByScopedId = (tx: Transaction, channel: string, scopedId: string) =>
  tx.one<Contact>(sql`
    select id, user_id, channel, address, scoped_id, sealed, label, language, heard_at, state, created_at
      from contacts where channel = ${channel} and scoped_id = ${scopedId}`)

export const deleteContact = (tx: Transaction, id: string, userId: string) =>
  tx.run(sql`delete from contacts where id = ${id} and user_id = ${userId}`)

export const deleteContactsOfSession = (tx: Transaction, sessionId: string, userId: string) =>
  tx.run(sql`delete from contacts where session_id = ${sessionId} and user_id = ${userId}`)

export const setContactState = (tx: Transaction, id: string, state: Contact['state']) =>
  tx.run(sql`update contacts set state = ${state} where id = ${id}`)

/** Learns the messenger's own id of a user; once learned it is not overwritten. */
export const learnScopedId = (tx: Transaction, id: string, scopedId: string) =>
  tx.run(sql`update contacts set scoped_id = ${scopedId} where id = ${id} and scoped_id is null`)

/** Notes that a user wrote to us. What was brought late does not undo what came later. */
export const noteHeard = (tx: Transaction, id: string, at: number) =>
  tx.run(sql`
    update contacts set heard_at = ${at} where id = ${id} and (heard_at is null or heard_at < ${at})`)

/** Brings a contact back, for a user who has just shown that it is theirs. */
export const reviveContact = (tx: Transaction, { id, scopedId }: { id: string; scopedId: string | null }) =>
  tx.run(sql`
    update contacts set state = 'active', scoped_id = coalesce(${scopedId}, scoped_id) where id = ${id}`)

export const insertNotice = (
  tx: Transaction,
  each: Omit<Notice, 'state' | 'externalId' | 'failure'> & { createdAt: number; trace?: string | null },
) =>
  tx.run(sql`
    insert into notices
      (id, request_id, client_id, user_id, contact_id, channel, step, about, state, trace, expires_at, created_at,
       updated_at)
    values (${each.id}, ${each.requestId}, ${each.clientId}, ${each.userId}, ${each.contactId}, ${each.channel},
            ${each.step}, ${each.about}, 'queued', ${each.trace ?? null}, ${each.expiresAt}, ${each.createdAt}, ${each.createdAt})`)

export const noticeById = (tx: Transaction, id: string) =>
  tx.one<Notice & { trace: string | null }>(sql`
    select id, request_id, client_id, user_id, contact_id, channel, step, about, state, external_id, failure, expires_at,
           trace
      from notices where id = ${id} /* for update */`)

export const noticeByExternalId = (tx: Transaction, channel: string, externalId: string) =>
  tx.one<Notice>(sql`
    select id, request_id, client_id, user_id, contact_id, channel, step, about, state, external_id, failure, expires_at
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

/** What was promised of a request, also by the asker's leave: no address is in it. */
export const noticesOfRequest = (db: Database, requestId: string) =>
  db.read<Pick<Notice, 'state' | 'channel'>>(sql`
    select state, channel from notices where request_id = ${requestId} and about = 'waiting' order by id`)

/** Tellings of one step that have not failed. */
export const hopefulNotices = (tx: Transaction, requestId: string, step: number) =>
  tx.all<{ id: string }>(sql`
    select id from notices
     where request_id = ${requestId} and about = 'waiting' and step = ${step}
       and state in ('queued', 'sent', 'delivered', 'shown')`)

export const queuedNotices = (tx: Transaction, requestId: string) =>
  tx.all<Pick<Notice, 'id' | 'step'>>(sql`
    select id, step from notices
     where request_id = ${requestId} and about = 'waiting' and state = 'queued' order by step, id`)

/** Calls off what was not sent yet. */
export const cancelNotices = (tx: Transaction, requestId: string, now: number) =>
  tx.all<{ id: string }>(sql`
    update notices set state = 'cancelled', updated_at = ${now}
     where request_id = ${requestId} and state = 'queued'
    returning id`)

/** Messages that said that a request waits, and that were taken. */
export const toldNotices = (tx: Transaction, requestId: string) =>
  tx.all<Notice>(sql`
    select id, request_id, client_id, user_id, contact_id, channel, step, about, state, external_id, failure, expires_at
      from notices
     where request_id = ${requestId} and about = 'waiting' and state in ('sent', 'delivered', 'shown')
     order by id`)

/** Whether a contact was told, or is about to be, how a request ended. */
export const isNewsTold = async (tx: Transaction, { requestId, contactId }: Notice): Promise<boolean> =>
  (await tx.one(sql`
    select id from notices
     where request_id = ${requestId} and contact_id = ${contactId} and about <> 'waiting' limit 1`)) !==
  undefined

// News of an account

export interface AccountNotice {
  id: string
  userId: string
  contactId: string
  channel: string
  about: 'new_passkey_link' | 'recovery_codes_made' | 'account_recovered'
  state: 'queued' | 'sent' | 'failed'
  failure: string | null
  /** What is told of, for instance when a link begins to work. */
  at: number
  expiresAt: number
}

export const insertAccountNotice = (
  tx: Transaction,
  each: Omit<AccountNotice, 'state' | 'failure'> & { createdAt: number },
) =>
  tx.run(sql`
    insert into account_notices (id, user_id, contact_id, channel, about, state, at, expires_at, created_at, updated_at)
    values (${each.id}, ${each.userId}, ${each.contactId}, ${each.channel}, ${each.about}, 'queued', ${each.at},
            ${each.expiresAt}, ${each.createdAt}, ${each.createdAt})`)

export const accountNoticeById = (tx: Transaction, id: string) =>
  tx.one<AccountNotice>(sql`
    select id, user_id, contact_id, channel, about, state, failure, at, expires_at
      from account_notices where id = ${id}`)

export const setAccountNoticeState = (
  tx: Transaction,
  id: string,
  state: AccountNotice['state'],
  failure: string | null,
  now: number,
) =>
  tx.run(sql`
    update account_notices set state = ${state}, failure = ${failure}, updated_at = ${now} where id = ${id}`)

/** A browser that was signed in is told no longer, once its sessions have ended. */
export const deleteContactsOfSessions = (tx: Transaction, userId: string) =>
  tx.run(sql`delete from contacts where user_id = ${userId} and session_id is not null`)

// How sending goes

/** What one hour brought on one channel: `sent`, or a kind of failure. */
export interface ChannelCount {
  channel: string
  hour: number
  outcome: string
  count: number
  lastAt: number
}

export const addChannelCount = (tx: Transaction, each: ChannelCount) =>
  tx.run(sql`
    insert into channel_counts (channel, hour, outcome, count, last_at)
    values (${each.channel}, ${each.hour}, ${each.outcome}, ${each.count}, ${each.lastAt})
    on conflict (channel, hour, outcome) do update
       set count = channel_counts.count + excluded.count,
           last_at = case when excluded.last_at > channel_counts.last_at then excluded.last_at
                          else channel_counts.last_at end`)

export const forgetChannelCounts = (tx: Transaction, hourBefore: number) =>
  tx.run(sql`delete from channel_counts where hour < ${hourBefore}`)

/** Sums by channel and outcome: over the hours from `since` on, and when it was last so at all. */
export const channelSums = (db: Database, since: number) =>
  db.read<{ channel: string; outcome: string; count: number; lastAt: number }>(sql`
    select channel, outcome, sum(case when hour >= ${since} then count else 0 end) as count, max(last_at) as last_at
      from channel_counts group by channel, outcome order by channel, outcome`)

export const forgetNotices = (tx: Transaction, requestId: string) =>
  tx.run(sql`delete from notices where request_id = ${requestId}`)
