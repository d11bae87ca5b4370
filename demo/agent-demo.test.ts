import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runAgent, scripted } from './agent.ts'
import { runAgentDemo } from './agent-demo.ts'

test('the agent pays what its user approved, hears of what she rejected, and never sees a token', async () => {
  const lines: string[] = []
  await runAgentDemo({
    pages: fileURLToPath(new URL('../web/dist/', import.meta.url)),
    write: (line) => lines.push(line),
    linger: async () => {},
    isOnce: true,
  })
  const text = lines.join('\n')
  assert.match(text, /reads “Pay 250 to Acme”, and approves with her passkey\npay {7}Paid 250 to Acme\./)
  assert.match(text, /reads “Pay 9999 to Lucky Pop-up”, and rejects\npay {7}The user rejected this payment/)
  assert.doesNotMatch(text, /eyJ|cs_secret/)
})

test('a model that goes round in circles is ended, and a tool that is not there is said so', async () => {
  const calls: number[] = []
  const again = () => ({ tool: 'look', input: { at: calls.push(1) } })
  assert.equal(
    await runAgent('Look.', again, { look: async () => 'nothing' }, () => {}),
    'It went on for too long.',
  )
  assert.equal(calls.length, 20)

  const heard: string[] = []
  await runAgent('Fly.', scripted([{ tool: 'fly', input: {} }, { say: 'I cannot.' }]), {}, (line) =>
    heard.push(line),
  )
  assert.match(heard.join('\n'), /There is no tool fly\.\nagent {5}I cannot\./)
})
