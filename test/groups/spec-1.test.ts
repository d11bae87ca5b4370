import { runTogether, testFiles } from '../support/group.ts'

runTogether(testFiles('test/spec/*.test.ts'), { nth: 1, of: 2 })
