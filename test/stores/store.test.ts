import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Transaction } from '#store/database.ts'
import { migrate } from '#store/migrate.ts'
import { openPostgres } from '#store/postgres.ts'
import { sql, twin } from '#store/sql.ts'
import { borrowPostgres } from '../support/postgres.ts'
import { names, put, startStore } from '../support/store.ts'

// What every store promises, on both engines.

let postgres: Awaited<ReturnType<typeof borrowPostgres>>
before(async () => {
  postgres = await borrowPostgres()
})
after(() => postgres[Symbol.asyncDispose]())

for (const engine of ['sqlite', 'postgres'] as const) {
  const databaseOf = async () => (engine === 'postgres' ? postgres.database() : undefined)

  test(`${engine}: one that throws is rolled back alone, the others are kept`, async () => {
    await using db = await startStore(databaseOf)

    const outcomes = await Promise.allSettled([
      db.transaction((tx) => put(tx, 'first')),
      db.transaction(async (tx) => {
        await put(tx, 'second')
        throw new Error('changed my mind')
      }),
      db.transaction((tx) => put(tx, 'third')),
    ])

    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
    assert.deepEqual(await names(db), ['first', 'third'])
  })

  test(`${engine}: a lone transaction that throws leaves nothing, and the next one works`, async () => {
    await using db = await startStore(databaseOf)
    await assert.rejects(
      db.transaction(async (tx) => {
        await put(tx, 'gone')
        throw new Error('changed my mind')
      }),
      /changed my mind/,
    )
    await db.transaction((tx) => put(tx, 'kept'))
    assert.deepEqual(await names(db), ['kept'])
  })

  test(`${engine}: a read never sees a row that is not committed`, async () => {
    await using db = await startStore(databaseOf)
    let seenInside: string[] = []

    await db.transaction(async (tx) => {
      await put(tx, 'first')
      seenInside = await names(db)
    })

    assert.deepEqual(seenInside, [])
    assert.deepEqual(await names(db), ['first'])
  })

  test(`${engine}: a transaction is answered only after its commit`, async () => {
    await using db = await startStore(databaseOf)
    const seen = await Promise.all(
      ['a', 'b', 'c'].map(async (name) => {
        await db.transaction((tx) => put(tx, name))
        return (await names(db)).includes(name)
      }),
    )
    assert.deepEqual(seen, [true, true, true])
  })

  test(`${engine}: of many that share a commit each is answered for itself, and one that throws is undone alone`, async () => {
    await using db = await startStore(databaseOf)
    await db.transaction((tx) => put(tx, 'seed'))
    const seen: boolean[] = []
    const outcomes = await Promise.allSettled(
      Array.from({ length: 40 }, async (_, i) => {
        const name = i === 7 ? 'fact-3' : `fact-${i}`
        const count = await db.together(async (tx) => {
          // A name that is taken already breaks the statement; another one changes its mind.
          const written = await putTogether(tx, name)
          if (i === 11) throw new Error('changed my mind')
          return written
        })
        seen.push((await names(db)).includes(name))
        return count
      }),
    )
    const failed = outcomes.flatMap(({ status }, i) => (status === 'rejected' ? [i] : []))
    // Of the two that want the same name either may be first.
    assert.ok([3, 7].includes(failed[0] ?? -1), `${failed}`)
    assert.deepEqual(failed.slice(1), [11])
    assert.equal((await names(db)).length, 39)
    assert.deepEqual(new Set(seen), new Set([true]))
  })

  test(`${engine}: statements that meet answer each caller for its own row`, async () => {
    await using db = await startStore(databaseOf)
    await db.transaction(async (tx) => {
      for (const name of ['a', 'b', 'c']) await put(tx, name)
    })
    const counts = await db.transaction((tx) =>
      Promise.all(
        ['c', 'missing', 'a'].map((name) =>
          tx.run(
            sql`delete from store_facts where name = ${name}`,
            twin`
              delete from store_facts using unnest($1::text[]) with ordinality as each (name, n)
               where store_facts.name = each.name returning n`,
          ),
        ),
      ),
    )
    assert.deepEqual(counts, [1, 0, 1])
    assert.deepEqual(await names(db), ['b'])
  })

  test(`${engine}: writing of different kinds that meets answers each caller for its own row`, async () => {
    await using db = await startStore(databaseOf)
    await db.transaction(async (tx) => {
      for (const name of ['a', 'b', 'seed']) await put(tx, name)
    })
    const remove = (tx: Transaction, name: string) =>
      tx.run(
        sql`delete from store_facts where name = ${name}`,
        twin`
          delete from store_facts using unnest($1::text[]) with ordinality as each (name, n)
           where store_facts.name = each.name returning n`,
      )
    const rename = (tx: Transaction, from: string, to: string) =>
      tx.run(
        sql`update store_facts set name = ${to} where name = ${from}`,
        twin`
          update store_facts set name = each.wanted
            from unnest($1::text[], $2::text[]) with ordinality as each (wanted, name, n)
           where store_facts.name = each.name returning n`,
      )
    const counts = await db.transaction((tx) =>
      Promise.all([
        putTogether(tx, 'new'),
        remove(tx, 'missing'),
        rename(tx, 'b', 'c'),
        remove(tx, 'a'),
        rename(tx, 'nobody', 'd'),
      ]),
    )
    assert.deepEqual(counts, [1, 0, 1, 1, 0])
    assert.deepEqual(await names(db), ['c', 'new', 'seed'])

    const failed = await db
      .transaction((tx) => Promise.all([remove(tx, 'new'), rename(tx, 'seed', 'c')]))
      .catch((fault) => fault)
    assert.ok(failed instanceof Error)
    assert.deepEqual(await names(db), ['c', 'new', 'seed'])
  })

  test(`${engine}: a hint is given after the commit, and never by a transaction that failed`, async () => {
    await using db = await startStore(databaseOf)
    const seen: Promise<string[]>[] = []
    db.onHint('deliver', () => seen.push(names(db)))

    await db
      .transaction(async (tx) => {
        tx.hint('deliver')
        throw new Error('changed my mind')
      })
      .catch(() => {})
    await db.transaction(async (tx) => {
      tx.hint('deliver')
      await put(tx, 'first')
    })
    assert.deepEqual(await seen[0], ['first'])
  })

  test(`${engine}: what happened is told once it is on disk, and never by a transaction that failed or was done again`, async () => {
    await using db = await startStore(databaseOf)
    const told: string[] = []
    const forget = db.onFact((fact) => told.push(fact.what === 'notice' ? fact.noticeId : fact.what))
    const say = (tx: Transaction, noticeId: string) =>
      tx.happened({
        what: 'notice',
        noticeId,
        userId: 'u',
        channel: 'webpush',
        status: 'sent',
        failure: null,
      })

    // Side by side: one of a shared commit fails alone, and the others may be done twice.
    await Promise.allSettled(
      ['first', 'wrong', 'last'].map((name) =>
        db.together(async (tx) => {
          say(tx, name)
          await put(tx, name)
          assert.ok(!told.includes(name))
          if (name === 'wrong') throw new Error('changed my mind')
        }),
      ),
    )
    assert.deepEqual(told.sort(), ['first', 'last'])
    forget()
    await db.transaction(async (tx) => say(tx, 'unheard'))
    assert.deepEqual(told, ['first', 'last'])
  })

  test(`${engine}: a migration runs once, also when many start at the same time`, async () => {
    await using db = await startStore(databaseOf)
    const again = await Promise.all([migrate(db, 1), migrate(db, 2), migrate(db, 3)])
    assert.deepEqual(again, [[], [], []])
    const rows = await db.read<{ name: string; appliedAt: number }>(
      sql`select name, applied_at from schema_migrations`,
    )
    assert.ok(rows.some(({ name }) => name.endsWith(`.${engine}.sql`)))
  })

  test(`${engine}: texts are ordered by their bytes, and numbers and bytes come back as they were`, async () => {
    await using db = await startStore(databaseOf)
    const value = Buffer.from([0, 1, 255, 128])
    await db.transaction(async (tx) => {
      for (const name of ['b', 'B', '~', 'é', '1', '_']) {
        await tx.run(sql`insert into store_facts (name, value) values (${name}, ${value})`)
      }
    })
    assert.deepEqual(await names(db), ['1', 'B', '_', 'b', '~', 'é'])
    const [row] = await db.read<{ value: Uint8Array }>(sql`select value from store_facts where name = 'b'`)
    assert.deepEqual(Buffer.from(row?.value ?? []), value)

    const latest = 8_640_000_000_000_000
    await db.transaction((tx) =>
      tx.run(sql`insert into schema_migrations (name, applied_at) values ('x', ${latest})`),
    )
    const [kept] = await db.read<{ appliedAt: number }>(
      sql`select applied_at from schema_migrations where name = 'x'`,
    )
    assert.equal(kept?.appliedAt, latest)
  })

  test(`${engine}: of two that claim the same rows each gets others`, async () => {
    await using db = await startStore(databaseOf)
    await db.transaction(async (tx) => {
      for (let i = 0; i < 20; i += 1) await put(tx, `fact-${String(i).padStart(2, '0')}`)
    })
    const claim = () =>
      db.transaction(async (tx) => {
        const rows = await tx.all<{ name: string }>(
          sql`select name from store_facts order by name limit 5 /* for update skip locked */`,
        )
        for (const { name } of rows) await tx.run(sql`delete from store_facts where name = ${name}`)
        return rows.map(({ name }) => name)
      })
    const claimed = (await Promise.all([claim(), claim(), claim(), claim()])).flat()
    assert.equal(new Set(claimed).size, claimed.length)
    assert.equal(claimed.length + (await names(db)).length, 20)
  })
}

/** Writes a row like the one of the name “seed”. */
const putTogether = (tx: Transaction, name: string) =>
  tx.run(
    sql`insert into store_facts (name, value) select ${name}, value from store_facts where name = 'seed'`,
    twin`
      insert into store_facts (name, value)
      select each.name, value from unnest($1::text[]) as each (name), store_facts where store_facts.name = 'seed'`,
  )

test('postgres: a hint reaches the other nodes', async () => {
  const url = await postgres.database()
  const [one, two] = [openPostgres(url), openPostgres(url)]
  await migrate(one, 1)
  const heard = new Promise<void>((resolve) => {
    two.onHint('deliver', resolve)
  })
  // The other node may not listen yet: hints are given until one is heard.
  const giving = setInterval(() => one.transaction(async (tx) => tx.hint('deliver')), 60)
  await heard
  clearInterval(giving)
  await Promise.all([one.close(), two.close()])
})

test('postgres: two transactions that cannot both be serialised are both done', async () => {
  await using db = await startStore(async () => postgres.database())
  await db.transaction(async (tx) => {
    await tx.script('create table tally (id bigint primary key, sum bigint not null)')
    await tx.run(sql`insert into tally (id, sum) values (1, 0)`)
  })
  const add = () =>
    db.transaction(async (tx) => {
      await tx.script('set transaction isolation level serializable')
      const row = await tx.one<{ sum: number }>(sql`select sum from tally where id = 1`)
      await tx.run(sql`update tally set sum = ${(row?.sum ?? 0) + 1} where id = 1`)
    })
  await Promise.all([add(), add(), add(), add()])
  const [row] = await db.read<{ sum: number }>(sql`select sum from tally where id = 1`)
  assert.equal(row?.sum, 4)
})
