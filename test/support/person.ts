export { type Person, type Review, signIn, startPerson, startSession } from '../../demo/person.ts'
