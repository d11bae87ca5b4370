import { createHmac, createSecretKey, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { BODY, type Made, type Order, UNDER_WAY } from '../support/deliverer.ts'
import { poster } from './posts.ts'

/**
 * The least that a durable, signed delivery can cost on SQLite: rows are claimed together and their start is on disk
 * before the POST; result, log and removal are one commit for all that wait. No retry, no lane, no rule, no seal.
 */
export async function make({ url, place }: Order): Promise<Made> {
  const database = new DatabaseSync(join(place, 'floor.db'))
  database.exec(`
    pragma journal_mode = wal; pragma synchronous = full;
    create table if not exists queue (
      id integer primary key autoincrement, body text not null, started_at integer
    ) strict;
    create index if not exists queue_free on queue (id) where started_at is null;
    create table if not exists log (id integer primary key, started_at integer not null, ended_at integer not null, status integer not null) strict;`)
  const insert = database.prepare('insert into queue (body) values (?)')
  const claim = database.prepare(
    `update queue set started_at = ? where id in (select id from queue where started_at is null order by id limit ?)
     returning id, body`,
  )
  const remove = database.prepare('delete from queue where id = ?')
  const note = database.prepare('insert into log (id, started_at, ended_at, status) values (?, ?, ?, 200)')
  const [begin, commit] = [database.prepare('begin immediate'), database.prepare('commit')]
  const post = poster(url)
  const sign = signer()

  return {
    async load(count) {
      begin.run()
      for (let i = 0; i < count; i += 1) insert.run(BODY)
      commit.run()
    },
    drain: () =>
      new Promise((resolve, reject) => {
        let underWay = 0
        let ended: { id: number; startedAt: number }[] = []
        let isPlanned = false
        const turn = () => {
          isPlanned = false
          const now = Date.now()
          begin.run()
          for (const { id, startedAt } of ended) {
            remove.run(id)
            note.run(id, startedAt, now)
          }
          ended = []
          const rows = claim.all(now, UNDER_WAY - underWay) as { id: number; body: string }[]
          commit.run()
          for (const { id, body } of rows) {
            underWay += 1
            post(sign(id, body), body).then(() => {
              underWay -= 1
              ended.push({ id, startedAt: now })
              plan()
            }, reject)
          }
          if (underWay === 0 && rows.length === 0) resolve()
        }
        const plan = () => {
          if (isPlanned) return
          isPlanned = true
          setImmediate(turn)
        }
        plan()
      }),
  }
}

/** Headers of Standard Webhooks, by a key that is made once. */
export function signer() {
  const key = createSecretKey(randomBytes(32))
  return (id: number, body: string) => {
    const timestamp = String(Math.floor(Date.now() / 1_000))
    const mac = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
    return { 'webhook-id': String(id), 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${mac}` }
  }
}
