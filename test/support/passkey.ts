export { createPasskey, type SoftwarePasskey } from '../../demo/passkey.ts'
