import { runTogether, testFiles } from '../support/group.ts'

runTogether(testFiles('test/spec/*.test.ts'), { nth: 2, of: 2 })
