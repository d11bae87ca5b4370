import { usePostgres } from '../support/engine.ts'

// The same suite once more, on PostgreSQL.
await usePostgres()
await import('../spec/retention.test.ts')
