import { usePostgres } from '../support/engine.ts'
import { CHOOSES_ENGINES, runTogether, testFiles } from '../support/group.ts'

await usePostgres()
runTogether(testFiles('test/stores/*.test.ts', CHOOSES_ENGINES), { nth: 2, of: 2 })
