import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { test } from 'node:test'

const FOLDER = new URL('./migrations/', import.meta.url)

/**
 * What a migration after the first may do (docs/upgrading.md): add what nodes of the release before, which serve beside
 * it, need not know. A new column may be left out by who does not know it.
 */
const ADDS = [
  /^create table (?!if\b)\w+ \(/,
  /^create (unique )?index (if not exists )?\w+ on \w+ \(/,
  /^alter table \w+ add column \w+ (?!.*\bnot null\b(?!.*\bdefault\b))(?!.*\bunique\b)/,
  /^insert into \w+ .* on conflict( \(.*\))? do nothing$/,
]

/** Statements that do anything else. A unique index on a table that is there already could refuse what the older node writes. */
function tightening(text: string): string[] {
  const statements = text
    .replaceAll(/--.*$/gm, '')
    .split(';')
    .map((each) => each.replaceAll(/\s+/g, ' ').trim().toLowerCase())
    .filter(Boolean)
  const made = new Set(statements.flatMap((each) => /^create table (\w+)/.exec(each)?.[1] ?? []))
  return statements.filter((each) => {
    const table = /^create unique index (?:if not exists )?\w+ on (\w+)/.exec(each)?.[1]
    if (table !== undefined && !made.has(table)) return true
    return !ADDS.some((pattern) => pattern.test(each))
  })
}

test('a migration only adds, so that nodes of two releases can serve side by side', async () => {
  const names = (await readdir(FOLDER)).filter((name) => name.endsWith('.sql') && !name.startsWith('0001-'))
  for (const name of names)
    assert.deepEqual(tightening(await readFile(new URL(name, FOLDER), 'utf8')), [], name)
})

test('each migration has its twin', async () => {
  const names = await readdir(FOLDER)
  const of = (engine: string) =>
    names.filter((name) => name.endsWith(`.${engine}.sql`)).map((name) => name.split('.')[0])
  assert.deepEqual(of('sqlite'), of('postgres'))
})

test('what takes away, renames or tightens is found', () => {
  const wrong = [
    'alter table clients drop column name',
    'alter table clients rename column name to title',
    'drop table clients',
    'alter table clients add column must text not null',
    'alter table clients add column only text unique',
    'alter table clients alter column name set not null',
    'alter table clients add constraint c check (name <> $$x$$)',
    'create unique index one on clients (name)',
    "update clients set name = 'x'",
    'delete from clients',
  ]
  for (const each of wrong) assert.deepEqual(tightening(`-- why\n${each};`), [each])
  const right = `create table things (id text primary key, n bigint not null); create unique index one on things (n);
    alter table clients add column a text; alter table clients add column b bigint not null default 0 check (b >= 0);`
  assert.deepEqual(tightening(right), [])
})
