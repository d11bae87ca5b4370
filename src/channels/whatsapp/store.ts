import type { Transaction } from '#store/database.ts'
import { sql } from '#store/sql.ts'
import type { About } from './words.ts'

/** Notes that the webhook has brought an event. Undefined if it was brought before. */
export const noteEvent = (tx: Transaction, id: string, now: number) =>
  tx.one<{ id: string }>(sql`
    insert into whatsapp_events (id, received_at) values (${id}, ${now})
    on conflict (id) do nothing
    returning id`)

export const forgetEvents = (tx: Transaction, receivedBefore: number) =>
  tx.run(sql`delete from whatsapp_events where received_at < ${receivedBefore}`)

/** A code that a user was given to send. */
interface Link {
  userId: string
  /** A MAC of it. */
  code: string
  language: string | null
  address: string | null
  expiresAt: number
}

export const putLink = (tx: Transaction, { userId, code, language, address, expiresAt }: Link) =>
  tx.run(sql`
    insert into whatsapp_links (user_id, code, language, address, expires_at)
    values (${userId}, ${code}, ${language}, ${address}, ${expiresAt})
    on conflict (user_id) do update
       set code = excluded.code, language = excluded.language, address = excluded.address,
           expires_at = excluded.expires_at`)

export const linkByCode = (tx: Transaction, code: string, now: number) =>
  tx.one<Link>(sql`
    select user_id, code, language, address, expires_at
      from whatsapp_links where code = ${code} and expires_at > ${now} /* for update */`)

export const deleteLink = (tx: Transaction, userId: string) =>
  tx.run(sql`delete from whatsapp_links where user_id = ${userId}`)

/** Wrong codes of one sender after `since`. */
export async function triesOf(tx: Transaction, sender: string, since: number): Promise<number> {
  const row = await tx.one<{ count: number }>(sql`
    select count from whatsapp_tries where sender = ${sender} and since > ${since}`)
  return row?.count ?? 0
}

export const countTry = (tx: Transaction, sender: string, now: number, old: number) =>
  tx.run(sql`
    insert into whatsapp_tries (sender, count, since) values (${sender}, 1, ${now})
    on conflict (sender) do update
       set count = case when whatsapp_tries.since > ${old} then whatsapp_tries.count + 1 else 1 end,
           since = case when whatsapp_tries.since > ${old} then whatsapp_tries.since else excluded.since end`)

/** Clears away codes and counts whose time is over. */
export async function forgetLinks(tx: Transaction, now: number, triesBefore: number) {
  await tx.run(sql`delete from whatsapp_links where expires_at <= ${now}`)
  await tx.run(sql`delete from whatsapp_tries where since <= ${triesBefore}`)
}

/** What is to be said to somebody who wrote to us. */
export interface Answer {
  id: string
  /** A phone number, or Meta's id of somebody who hides theirs. */
  recipient: string
  about: About
  /** The handle of the account that it is about. */
  detail: string | null
  language: string | null
  expiresAt: number
}

export const insertAnswer = (tx: Transaction, each: Answer) =>
  tx.run(sql`
    insert into whatsapp_answers (id, recipient, about, detail, language, expires_at)
    values (${each.id}, ${each.recipient}, ${each.about}, ${each.detail}, ${each.language}, ${each.expiresAt})`)

export const answerById = (tx: Transaction, id: string) =>
  tx.one<Answer>(sql`
    select id, recipient, about, detail, language, expires_at from whatsapp_answers where id = ${id}`)

export const deleteAnswer = (tx: Transaction, id: string) =>
  tx.run(sql`delete from whatsapp_answers where id = ${id}`)

/** Messages that one person got in a burst. */
export interface Pair {
  recipient: string
  /** Of the first one. */
  since: number
  count: number
}

/** @returns when the number may send again, in epoch milliseconds; until the transaction ends no other node is told so */
export async function lockNumber(tx: Transaction, number: string): Promise<number> {
  await tx.run(sql`
    insert into whatsapp_paces (number, next_us) values (${number}, 0) on conflict (number) do nothing`)
  const row = await tx.one<{ nextUs: number }>(sql`
    select next_us from whatsapp_paces where number = ${number} /* for update */`)
  return (row?.nextUs ?? 0) / 1_000
}

/** Also clears away pairs whose burst began before. */
export async function setNextTurn(tx: Transaction, number: string, nextAt: number, pairsBefore: number) {
  await tx.run(sql`
    update whatsapp_paces set next_us = ${Math.round(nextAt * 1_000)} where number = ${number}`)
  await tx.run(sql`delete from whatsapp_pairs where since < ${pairsBefore}`)
}

export const pairInside = (tx: Transaction, recipient: string) =>
  tx.one<Pair>(sql`select recipient, since, count from whatsapp_pairs where recipient = ${recipient}`)

export const putPair = (tx: Transaction, { recipient, since, count }: Pair) =>
  tx.run(sql`
    insert into whatsapp_pairs (recipient, since, count) values (${recipient}, ${since}, ${count})
    on conflict (recipient) do update set since = excluded.since, count = excluded.count`)

/** The keys of the phone that a contact last wrote from, as Meta tells them apart. */
export const identityOf = (tx: Transaction, contactId: string) =>
  tx.one<{ hash: string; seenAt: number }>(sql`
    select hash, seen_at from whatsapp_identities where contact_id = ${contactId}`)

export const putIdentity = (tx: Transaction, contactId: string, hash: string, seenAt: number) =>
  tx.run(sql`
    insert into whatsapp_identities (contact_id, hash, seen_at) values (${contactId}, ${hash}, ${seenAt})
    on conflict (contact_id) do update set hash = excluded.hash, seen_at = excluded.seen_at`)
